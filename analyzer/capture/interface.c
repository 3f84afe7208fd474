/* SPDX-License-Identifier: MIT
 *
 * Interfaces as draft-ietf-opsawg-pcapng describes them: sections 4.2 (description) and 4.6 (statistics).
 *
 * A time is ticks since 1970 of a clock that counts powers of ten or of two; whole seconds and the rest are converted
 * apart, in integers, so that no resolution loses a nanosecond and none overflows. An option that decides about
 * times and cannot be read makes the block unreadable: packets of a wrong century are worse than none. libpcap thinks
 * so, too. All other options may be as broken as they like.
 */
#include "capture/interface.h"

#include <pcap/pcap.h>

#include "capture/block.h"
#include "capture/link.h"
#include "capture/reader.h"

enum { SECOND_NS = 1000000000 };
static const int64_t SECONDS_MAX = INT64_MAX / SECOND_NS - 5;
enum { IF_TSRESOL = 9, IF_TSOFFSET = 14 };
enum { ISB_IFDROP = 5, ISB_OSDROP = 7 };
enum { BINARY = 0x80, BINARY_MAX = 63, DECIMAL_MAX = 19, MICROSECONDS = 6 };

static const char *precision_name(uint8_t resolution)
{
    static const char *const names[] = {[0] = "s", [3] = "ms", [6] = "us", [9] = "ns"};
    const char *name = resolution < sizeof names / sizeof *names ? names[resolution] : NULL;

    return name ? name : "other";
}

static bool set_resolution(struct tca_interface *interface, uint8_t resolution)
{
    uint8_t power = resolution & (uint8_t)~BINARY;

    if (power > (resolution & BINARY ? BINARY_MAX : DECIMAL_MAX))
        return false;
    interface->resolution = resolution;
    interface->kind.precision = precision_name(resolution);
    interface->ticks = 1;
    for (; power; power--)
        interface->ticks *= resolution & BINARY ? 2 : 10;
    return true;
}

/* Decimal clocks up to nanoseconds, whose ticks count from 1970. */
static void set_plain(struct tca_interface *interface)
{
    if (interface->resolution & BINARY || interface->ticks > SECOND_NS || interface->offset_s != 0)
        return;
    interface->tick_ns = (uint32_t)(SECOND_NS / interface->ticks);
    interface->plain_end = (uint64_t)SECONDS_MAX * interface->ticks;
}

const char *tca_interface_read(const uint8_t *body, size_t len, bool big_endian, struct tca_interface *ret)
{
    struct tca_block_option option;
    uint32_t snaplen;

    if (len < TCA_INTERFACE_LEN)
        return "an interface description that is too short";
    snaplen = block_u32(body + 4, big_endian);
    *ret = (struct tca_interface){
        /* Some files have libpcap's own number. */
        .kind.link = tca_link_of_dlt(tca_link_dlt(block_u16(body, big_endian))),
        .kind.snaplen = snaplen == 0 || snaplen > INT32_MAX ? TCA_PACKET_MAX : snaplen,
    };
    set_resolution(ret, MICROSECONDS);
    struct tca_block_options options = {body + TCA_INTERFACE_LEN, len - TCA_INTERFACE_LEN, big_endian, false};
    while (block_option(&options, &option)) {
        if (option.code == IF_TSRESOL && (option.len != 1 || !set_resolution(ret, option.value[0])))
            return "an interface whose time resolution cannot be read";
        if (option.code == IF_TSOFFSET && option.len != 8)
            return "an interface whose time offset cannot be read";
        if (option.code == IF_TSOFFSET)
            ret->offset_s = (int64_t)block_u64(option.value, big_endian);
    }
    set_plain(ret);
    return options.cut ? "an interface description with an option that is cut" : NULL;
}

/* ---- times ---- */

/* floor(part * 10^9 / 2^power), part below 2^power <= 2^63: by halves, since the product has up to 93 bits. */
static uint64_t binary_to_ns(uint64_t part, unsigned power)
{
    uint64_t high = (part >> 32) * SECOND_NS, low = (part & UINT32_MAX) * SECOND_NS;

    if (power < 32)
        return low >> power;
    return (high + (low >> 32)) >> (power - 32);
}

static uint64_t part_to_ns(const struct tca_interface *interface, uint64_t part)
{
    if (interface->resolution & BINARY)
        return binary_to_ns(part, interface->resolution & (unsigned)~BINARY);
    if (interface->ticks <= SECOND_NS)
        return part * (SECOND_NS / interface->ticks);
    return part / (interface->ticks / SECOND_NS);
}

int64_t tca_interface_any_time(const struct tca_interface *interface, uint64_t ticks)
{
    int64_t seconds = (int64_t)(ticks / interface->ticks + (uint64_t)interface->offset_s);

    if (seconds > SECONDS_MAX)
        return INT64_MAX;
    if (seconds < -SECONDS_MAX)
        return INT64_MIN;
    return seconds * SECOND_NS + (int64_t)part_to_ns(interface, ticks % interface->ticks);
}

/* ---- losses ---- */

void tca_drops_add(struct tca_drops *drops, uint64_t count)
{
    drops->told = true;
    drops->count = count < INT64_MAX - drops->count ? drops->count + count : INT64_MAX;
}

void tca_interface_statistics(struct tca_interface *interface, const uint8_t *at, size_t len, bool big_endian)
{
    struct tca_block_options options = {at, len, big_endian, false};
    struct tca_block_option option;
    struct tca_drops sum = {0};

    while (block_option(&options, &option)) {
        bool lost = option.code == ISB_IFDROP || option.code == ISB_OSDROP;

        /* All bits set: the writer did not know. */
        if (lost && option.len == 8 && block_u64(option.value, big_endian) != UINT64_MAX)
            tca_drops_add(&sum, block_u64(option.value, big_endian));
    }
    if (sum.told)
        interface->by_counter = sum;
}

struct tca_drops tca_interface_drops(const struct tca_interface *interface)
{
    struct tca_drops counter = interface->by_counter, packets = interface->by_packets;

    return packets.told && packets.count > counter.count ? packets : counter.told ? counter : packets;
}

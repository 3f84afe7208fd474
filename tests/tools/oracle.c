/* SPDX-License-Identifier: MIT
 *
 * Both readers, side by side. libpcap sits on a stdio FILE, which tells where in the input its next record begins.
 */
#include "oracle.h"

#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "capture/link.h"
#include "capture/part.h"

enum { BATCH_MAX = 256 };

struct both {
    struct tca_stream *stream;
    struct tca_part ours;
    const struct tca_magic *magic;
    pcap_t *theirs;
    uint64_t boundary; /* where libpcap's last record begins */
    char why[PCAP_ERRBUF_SIZE];
    struct tca_record record[BATCH_MAX];
    size_t room;
    bool overflows; /* a clock of theirs does */
    struct oracle *told;
};

#define DIFFER(both, ...) snprintf((both)->told->differ, sizeof(both)->told->differ, __VA_ARGS__)

/* ---- rules ---- */

/* Where libpcap stops and we need not. */
static const struct {
    const char *words, *why;
} stricter[] = {
    {"different from the type of the first interface", "link types may differ"},
    {"different from the snapshot length of the first interface", "snap lengths may differ"},
    {"sections with different byte orders", "byte orders may differ"},
    {"bigger than snaplen", "packets may exceed the snap length: nothing depends on it"},
    {"has no Interface Description Blocks", "a file without packets needs none"},
    {"opt_endofopt option with length", "the end of options ends them, whatever its length"},
    {"more than one if_tsresol", "the last one counts"},
    {"more than one if_tsoffset", "the last one counts"},
    {"unsupported pcapng savefile version", "told as unsupported"},
    {"unknown pcapng savefile major version", "told as unsupported"},
    {"invalid length", "a section header may be longer than 1 MiB"},
};

static bool is_pcapng(const struct both *both)
{
    return both->magic->kind == MAGIC_PCAPNG;
}

/* It takes the length of a section header for one of the byte order before it, and says so before it sees that orders differ. */
static bool is_turned_length(const char *why)
{
    const uint32_t most = 16 << 20;
    unsigned long size;

    return sscanf(why, "pcapng block size %lu >", &size) == 1 && __builtin_bswap32((uint32_t)size) <= most;
}

static bool may_be_stricter(const struct both *both)
{
    if (is_pcapng(both) && is_turned_length(both->why))
        return true;
    for (size_t i = 0; i < sizeof stricter / sizeof *stricter; i++)
        if (is_pcapng(both) && strstr(both->why, stricter[i].words))
            return true;
    return false;
}

/* Where libpcap reads on in a pcapng file and we do not: it does not look at the second length of the first section
 * header, at any section before the first interface, and at the minor version of a later one. */
static bool may_stop_pcapng(const struct tca_reader *reader, enum tca_read ours)
{
    bool section = strstr(reader->what, "a section") || strstr(reader->what, "a block with a length");
    bool early = reader->boundary == 0 || (reader->first.link < 0 && section);

    return ours == TCA_READ_UNSUPPORTED || (ours == TCA_READ_DAMAGED && early);
}

/* And in a classic one: where it sees an empty record, we another capture, or zero bytes. */
static bool may_stop_classic(const struct tca_reader *reader, enum tca_read ours,
                             const struct pcap_pkthdr *header)
{
    bool empty = header && header->caplen == 0 && header->len == 0;

    return empty && (ours == TCA_READ_JOINT || strstr(reader->what, "zero bytes instead of a record"));
}

/* ---- records ---- */

/* libpcap brings what it knows of the host's own structures into the host's byte order; our reader of pcapng only what is
 * decoded. */
static bool has_other_bytes(const struct both *both, int link)
{
    return is_pcapng(both) && (link == 117 || link == 189 || link == 220);
}

/* Classic: the fields are unsigned, and the fraction is what 32 bits hold of its nanoseconds. */
static int64_t classic_ns(const struct timeval *time)
{
    return (int64_t)(uint32_t)time->tv_sec * 1000000000 + (uint32_t)time->tv_usec;
}

static int64_t pcapng_ns(const struct timeval *time)
{
    const int64_t second = 1000000000, max = INT64_MAX / second - 5;

    return time->tv_sec > max    ? INT64_MAX
           : time->tv_sec < -max ? INT64_MIN
                                 : time->tv_sec * second + time->tv_usec;
}

static void compare_record(struct both *both, const struct tca_record *record,
                           const struct pcap_pkthdr *header, const uint8_t *bytes)
{
    unsigned packet = both->told->packets;
    uint32_t captured = header->caplen < TCA_PACKET_MAX ? header->caplen : TCA_PACKET_MAX;
    int link = tca_link_of_dlt(pcap_datalink(both->theirs));
    int64_t time_ns = is_pcapng(both) ? pcapng_ns(&header->ts) : classic_ns(&header->ts);

    if (record->frame != packet)
        DIFFER(both, "packet %u is called %llu", packet, (unsigned long long)record->frame);
    else if (record->captured != captured || record->original != header->len)
        DIFFER(both, "packet %u has %u of %u bytes, libpcap says %u of %u", packet, record->captured,
               record->original, captured, header->len);
    else if (record->link != link)
        DIFFER(both, "packet %u is of link type %d, libpcap says %d", packet, record->link, link);
    else if (!has_other_bytes(both, link) && memcmp(record->bytes, bytes, captured) != 0)
        DIFFER(both, "packet %u has other bytes", packet);
    else if (!both->overflows && record->time_ns != time_ns)
        DIFFER(both, "packet %u is of %lld, libpcap says %lld", packet, (long long)record->time_ns,
               (long long)time_ns);
}

/* ---- ends ---- */

static void compare_pcapng_ends(struct both *both, enum tca_read ours, int theirs)
{
    const struct tca_reader *reader = &both->ours.reader;
    bool we_go_on = ours == TCA_READ_OK || ours == TCA_READ_END, we_may_stop = may_stop_pcapng(reader, ours);

    if (theirs == PCAP_ERROR_BREAK && ours != TCA_READ_END && !we_may_stop)
        DIFFER(both, "after packet %u libpcap is at the end, we are at %d: %s", both->told->packets,
               (int)ours, reader->what);
    if (theirs == 1 && !we_may_stop)
        DIFFER(both, "packet %u of libpcap is none to us: %d: %s", both->told->packets + 1, (int)ours,
               reader->what);
    if (theirs == PCAP_ERROR && we_go_on && !may_be_stricter(both))
        DIFFER(both, "after packet %u libpcap stops, we do not: %s", both->told->packets, both->why);
}

/* What we must say where libpcap says this. */
static bool same_end(const struct both *both, enum tca_read ours, int theirs,
                     const struct pcap_pkthdr *header)
{
    const struct tca_reader *reader = &both->ours.reader;

    if (theirs == PCAP_ERROR_BREAK)
        return ours == TCA_READ_END;
    if (theirs == 1)
        return may_stop_classic(reader, ours, header);
    if (strstr(both->why, "truncated dump file"))
        return ours == TCA_READ_CUT;
    return ours == TCA_READ_JOINT || (ours == TCA_READ_DAMAGED && strcmp(both->why, reader->what) == 0);
}

static void compare_classic_ends(struct both *both, enum tca_read ours, int theirs,
                                 const struct pcap_pkthdr *header)
{
    const struct tca_reader *reader = &both->ours.reader;

    if (!same_end(both, ours, theirs, header))
        DIFFER(both, "after packet %u we are at %d: '%s', libpcap at %d: '%s'", both->told->packets,
               (int)ours, reader->what, theirs, both->why);
    else if (ours != TCA_READ_OK && reader->boundary != both->boundary)
        DIFFER(both, "after packet %u we are at byte %llu, libpcap at %llu", both->told->packets,
               (unsigned long long)reader->boundary, (unsigned long long)both->boundary);
}

/* Both have come to something that is no record, one of them perhaps sooner. */
static void compare_ends(struct both *both, enum tca_read ours, int theirs, const struct pcap_pkthdr *header)
{
    both->told->ours = (int)ours;
    if (is_pcapng(both))
        compare_pcapng_ends(both, ours, theirs);
    else
        compare_classic_ends(both, ours, theirs, header);
}

/* ---- reading ---- */

static int next_of_libpcap(struct both *both, struct pcap_pkthdr **ret_header, const u_char **ret_bytes)
{
    int got;

    both->boundary = (uint64_t)ftello(pcap_file(both->theirs));
    got = pcap_next_ex(both->theirs, ret_header, ret_bytes);
    if (got == PCAP_ERROR)
        snprintf(both->why, sizeof both->why, "%s", pcap_geterr(both->theirs));
    return got;
}

/* Beyond 2^-34 libpcap's product of ticks and nanoseconds overflows: times of such clocks are not compared. */
static void note_clocks(struct both *both)
{
    const struct tca_pcapng *file = &both->ours.pcapng;

    for (size_t i = 0; is_pcapng(both) && i < file->interfaces; i++)
        both->overflows |= file->interface[i].ticks > 1ull << 34;
}

/* False where libpcap has come to its end. */
static bool compare_batch(struct both *both, const struct tca_batch *batch)
{
    struct pcap_pkthdr *header = NULL;
    const u_char *bytes = NULL;

    note_clocks(both);
    for (size_t i = 0; i < batch->count && !both->told->differ[0]; i++) {
        int theirs = next_of_libpcap(both, &header, &bytes);

        if (theirs != 1) {
            compare_ends(both, TCA_READ_OK, theirs, NULL);
            return false;
        }
        both->told->packets++;
        compare_record(both, &batch->record[i], header, bytes);
    }
    return true;
}

static void read_on(struct both *both)
{
    struct pcap_pkthdr *header = NULL;
    const u_char *bytes = NULL;
    struct tca_batch batch;
    enum tca_read ours;

    do {
        batch =
            (struct tca_batch){.record = both->record, .room = both->room, .frame = both->told->packets + 1};
        ours = tca_part_next(&both->ours, &batch);
        if (ours == TCA_READ_OK && !compare_batch(both, &batch))
            return;
    } while (ours == TCA_READ_OK && !both->told->differ[0]);
    if (ours != TCA_READ_OK) {
        int theirs = next_of_libpcap(both, &header, &bytes);

        compare_ends(both, ours, theirs, theirs == 1 ? header : NULL);
    }
}

/* One of them does not begin: both headers are in order, or none is. */
static void compare_begins(struct both *both, enum tca_read began)
{
    both->told->ours = (int)began;
    if (both->theirs)
        compare_ends(both, began, is_pcapng(both) ? 1 : PCAP_ERROR, NULL);
    else if (began == TCA_READ_OK && !may_be_stricter(both))
        DIFFER(both, "we begin, libpcap does not: %s", both->why);
}

static void compare_all(struct both *both, const char *name)
{
    enum tca_read began = tca_part_begin(&both->ours, both->stream, both->magic);

    both->theirs = pcap_open_offline_with_tstamp_precision(name, PCAP_TSTAMP_PRECISION_NANO, both->why);
    if (both->theirs && began == TCA_READ_OK)
        read_on(both);
    else
        compare_begins(both, began);
    if (both->theirs)
        pcap_close(both->theirs);
    tca_part_done(&both->ours);
}

bool oracle_compare(const char *name, size_t room, struct oracle *ret)
{
    struct both both = {.room = room < BATCH_MAX ? room : BATCH_MAX, .told = ret};
    struct tca_error err;

    *ret = (struct oracle){0};
    if (tca_stream_open(name, NULL, &both.stream, &err) < 0)
        return false;
    both.magic = tca_magic_sniff(both.stream);
    if (tca_part_has_reader(both.magic))
        compare_all(&both, name);
    snprintf(ret->words, sizeof ret->words, "%s", both.why);
    tca_stream_close(both.stream);
    return tca_part_has_reader(both.magic);
}

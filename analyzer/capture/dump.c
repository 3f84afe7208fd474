/* SPDX-License-Identifier: MIT
 *
 * pcap, the classic format (draft-ietf-opsawg-pcap). Always little-endian, so that the same records give the same
 * bytes on any machine; every reader takes either order.
 */
#include "capture/dump.h"

static const uint32_t MAGIC_MICROSECONDS = 0xa1b2c3d4, MAGIC_NANOSECONDS = 0xa1b23c4d;
enum { SNAPLEN = 262144 }; /* as tcpdump writes it: no record is longer, and each tells its own length */

static void put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, (uint16_t)value);
    put_u16(at + 2, (uint16_t)(value >> 16));
}

void tca_dump_file_header(int link, bool nanoseconds, uint8_t bytes[TCA_DUMP_FILE_HEADER])
{
    put_u32(bytes, nanoseconds ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS);
    put_u16(bytes + 4, 2); /* version 2.4 */
    put_u16(bytes + 6, 4);
    put_u32(bytes + 8, 0); /* reserved, as the next */
    put_u32(bytes + 12, 0);
    put_u32(bytes + 16, SNAPLEN);
    put_u32(bytes + 20, (uint32_t)link);
}

bool tca_dump_record_header(const struct tca_record *record, bool nanoseconds,
                            uint8_t bytes[TCA_DUMP_RECORD_HEADER])
{
    const int64_t second = 1000000000;
    if (record->time_ns < 0 || record->time_ns / second > UINT32_MAX)
        return false;
    uint32_t fraction = (uint32_t)(record->time_ns % second);
    put_u32(bytes, (uint32_t)(record->time_ns / second));
    put_u32(bytes + 4, nanoseconds ? fraction : fraction / 1000);
    put_u32(bytes + 8, record->captured);
    put_u32(bytes + 12, record->original);
    return true;
}

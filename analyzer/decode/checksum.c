/* SPDX-License-Identifier: MIT
 *
 * The one's complement sum over a TCP segment and its pseudo-header (RFC 1071, RFC 9293 section 3.1).
 *
 * A sending kernel that leaves the checksum to its network card stores the folded, uncomplemented sum of the pseudo-header
 * in the field (Linux __tcp_v4_send_check, and tcp_gro_complete on the way in). Captured before the card, such a segment is
 * "unfinished", not damaged. On veth and loopback nearly all are.
 */
#include "decode/checksum.h"

#include <endian.h>
#include <string.h>

enum { IPPROTO_TCP_NUMBER = 6, FIELD_AT = 16, LANES = 8, HEADER_LEN = 20 };

static uint32_t word_at(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* As words in host order: any order gives the same sum, its bytes swapped alike. A lane for each word of a block, so that
 * a compiler can add a block at once; 64 bits hold what the longest segment brings. */
static uint64_t sum_blocks(const uint8_t *bytes, uint32_t len)
{
    uint64_t lane[LANES] = {0}, sum = 0;
    for (uint32_t at = 0; at < len; at += 4 * LANES)
        for (int i = 0; i < LANES; i++)
            lane[i] += word_at(bytes + at + 4 * i);
    for (int i = 0; i < LANES; i++)
        sum += lane[i];
    return sum;
}

uint64_t tca_sum_words(const uint8_t *bytes, uint32_t len)
{
    uint32_t blocks = len / (4 * LANES) * (4 * LANES);
    uint64_t sum = blocks ? sum_blocks(bytes, blocks) : 0;
    uint8_t rest[4] = {0};
    for (bytes += blocks, len -= blocks; len >= 4; bytes += 4, len -= 4)
        sum += word_at(bytes);
    if (!len)
        return sum;
    memcpy(rest, bytes, len);
    return sum + word_at(rest);
}

/* Straight on: each step leaves less above the 16 bits, the last one nothing. */
static uint16_t fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint64_t sum_pseudo_header(const struct tca_sum_ends *ends, uint32_t tcp_len)
{
    uint64_t sum = (uint64_t)htobe32(tcp_len) + htobe32(IPPROTO_TCP_NUMBER);
    for (uint32_t at = 0; at < ends->len; at += 4)
        sum += (uint64_t)word_at(ends->src + at) + word_at(ends->dst + at);
    return sum;
}

/* Most segments that were captured whole are a header and little more. */
static uint64_t sum_segment(const uint8_t *tcp, uint32_t len)
{
    if (len < HEADER_LEN)
        return tca_sum_words(tcp, len);
    uint64_t sum = 0;
    for (int at = 0; at < HEADER_LEN; at += 4)
        sum += word_at(tcp + at);
    return len == HEADER_LEN ? sum : sum + tca_sum_words(tcp + HEADER_LEN, len - HEADER_LEN);
}

enum tca_checksum tca_checksum_of(const struct tca_sum_ends *ends, const uint8_t *tcp, uint32_t len)
{
    uint64_t pseudo = sum_pseudo_header(ends, len);
    uint16_t field;

    if (fold(pseudo + sum_segment(tcp, len)) == 0xffff)
        return TCA_CHECKSUM_GOOD;
    memcpy(&field, tcp + FIELD_AT, sizeof field);
    return field == fold(pseudo) ? TCA_CHECKSUM_UNFINISHED : TCA_CHECKSUM_BAD;
}

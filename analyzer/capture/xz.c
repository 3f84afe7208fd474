/* SPDX-License-Identifier: MIT
 *
 * After the .xz file format 1.2.0 and, for LZMA2, xz 5.4.1 (liblzma/lzma/lzma2_decoder.c). Whatever liblzma accepts is followed as it
 * reads it; what it refuses need not be refused here.
 */
#include "capture/xz.h"

#include <string.h>

enum { NO_XZ, STREAM, BLOCK_SIZE, BLOCK, CHUNK, CHUNK_HEAD, INDEX, BETWEEN };
enum { STREAM_LEN = 12, CRC = 4, LZMA2 = 0x21, LZMA2_MOST = 40 };

static const uint8_t magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};

static void gather(struct tca_xz *xz, int state, size_t want)
{
    xz->state = (uint8_t)state;
    xz->want = want;
    xz->have = 0;
}

void tca_xz_init(struct tca_xz *xz)
{
    memset(xz, 0, sizeof *xz);
    gather(xz, STREAM, sizeof magic);
}

static void lose(struct tca_xz *xz)
{
    xz->state = NO_XZ;
    xz->found = xz->any ? TCA_XZ_LOST : TCA_XZ_FINE;
}

/* As much as is missing to a multiple of four. */
static uint64_t padding(const struct tca_xz *xz)
{
    return -xz->at & 3;
}

/* ---- block headers ---- */

/* A number of seven bits in each byte, the lowest first. */
static bool take_number(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
    uint64_t number = 0;
    for (unsigned shift = 0; *at < end && shift < 63; shift += 7) {
        uint8_t byte = *(*at)++;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret = number;
            return true;
        }
    }
    return false;
}

/* 0: nobody asks for so much. */
static uint64_t dictionary(uint8_t told)
{
    if (told >= LZMA2_MOST)
        return told == LZMA2_MOST ? UINT32_MAX : 0;
    return (uint64_t)(2 | (told & 1)) << (told / 2 + 11);
}

/* The last filter unpacks; those before it only change what came out. 0: it is none that is known. */
static uint64_t dictionary_of(const uint8_t *head, size_t size)
{
    const uint8_t *at = head + 2, *end = head + size - CRC;
    uint64_t id = 0, length = 0;
    for (int sizes = !!(head[1] & 0x40) + !!(head[1] & 0x80); sizes; sizes--)
        if (!take_number(&at, end, &length))
            return 0;
    for (int filters = (head[1] & 3) + 1; filters; filters--) {
        if (!take_number(&at, end, &id) || !take_number(&at, end, &length) || length > (uint64_t)(end - at))
            return 0;
        at += length;
    }
    return id == LZMA2 && length == 1 ? dictionary(at[-1]) : 0;
}

static void end_block_head(struct tca_xz *xz)
{
    uint64_t size = dictionary_of(xz->piece, xz->have);
    gather(xz, CHUNK, 1);
    if (!size)
        lose(xz);
    else if (size > TCA_XZ_MOST)
        xz->found = TCA_XZ_LARGE;
}

/* ---- chunks ---- */

/* 0 ends them; 1 and 2 are bytes as they are; from 128 on bytes are packed, from 192 on with another byte in the head. */
static void begin_chunk(struct tca_xz *xz)
{
    uint8_t control = xz->piece[0];
    if (!control) {
        xz->skip = padding(xz) + xz->check;
        gather(xz, BLOCK_SIZE, 1);
    } else if (control <= 2 || control >= 0x80) {
        xz->state = CHUNK_HEAD;
        xz->want = control <= 2 ? 3 : control < 0xc0 ? 5 : 6;
    } else {
        lose(xz);
    }
}

static void end_chunk_head(struct tca_xz *xz)
{
    const uint8_t *size = xz->piece + (xz->piece[0] <= 2 ? 1 : 3);
    xz->skip = ((uint64_t)size[0] << 8 | size[1]) + 1;
    gather(xz, CHUNK, 1);
}

/* ---- streams ---- */

static void begin_stream(struct tca_xz *xz)
{
    static const uint8_t check[] = {0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64};
    if (memcmp(xz->piece, magic, sizeof magic) != 0) {
        lose(xz);
    } else if (xz->want < STREAM_LEN) {
        xz->want = STREAM_LEN;
    } else {
        xz->any = true;
        xz->check = check[xz->piece[7] & 15];
        gather(xz, BLOCK_SIZE, 1);
    }
}

static void begin_block(struct tca_xz *xz)
{
    if (xz->piece[0]) {
        xz->state = BLOCK;
        xz->want = ((size_t)xz->piece[0] + 1) * 4;
    } else {
        xz->numbers = UINT64_MAX;
        xz->number = xz->shift = 0;
        gather(xz, INDEX, 1);
    }
}

/* So many pairs of numbers follow the first one. Of more than nine bytes is none. */
static void take_index(struct tca_xz *xz)
{
    uint8_t byte = xz->piece[0];
    gather(xz, INDEX, 1);
    if (xz->shift > 56) {
        lose(xz);
        return;
    }
    xz->number |= (uint64_t)(byte & 0x7f) << xz->shift;
    xz->shift += 7;
    if (byte & 0x80)
        return;
    xz->numbers = xz->numbers == UINT64_MAX ? 2 * xz->number : xz->numbers - 1;
    xz->number = xz->shift = 0;
    if (xz->numbers)
        return;
    xz->skip = padding(xz) + CRC + STREAM_LEN;
    gather(xz, BETWEEN, 1);
}

/* Zeros may stand between streams. */
static void between(struct tca_xz *xz)
{
    uint8_t byte = xz->piece[0];
    xz->at = byte ? 1 : 0;
    gather(xz, byte ? STREAM : BETWEEN, byte ? sizeof magic : 1);
    if (byte) {
        xz->piece[0] = byte;
        xz->have = 1;
    }
}

/* A piece is there. */
static void end_piece(struct tca_xz *xz)
{
    static void (*const end[])(struct tca_xz * xz) = {
        [NO_XZ] = lose,
        [STREAM] = begin_stream,
        [BLOCK_SIZE] = begin_block,
        [BLOCK] = end_block_head,
        [CHUNK] = begin_chunk,
        [INDEX] = take_index,
        [CHUNK_HEAD] = end_chunk_head,
        [BETWEEN] = between,
    };
    end[xz->state](xz);
}

static size_t less(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

enum tca_xz_found tca_xz_follow(struct tca_xz *xz, const uint8_t *bytes, size_t count)
{
    while (count && xz->state != NO_XZ && xz->found == TCA_XZ_FINE) {
        size_t passed = less(xz->skip, count), taken;
        xz->skip -= passed;
        taken = less(xz->want - xz->have, count - passed);
        memcpy(xz->piece + xz->have, bytes + passed, taken);
        xz->have += taken;
        xz->at += passed + taken;
        bytes += passed + taken;
        count -= passed + taken;
        if (!xz->skip && xz->have == xz->want)
            end_piece(xz);
    }
    return (enum tca_xz_found)xz->found;
}

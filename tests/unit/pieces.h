/* SPDX-License-Identifier: MIT
 *
 * Small captures and tar archives of them, made of the times of their records: "10 20 30" is a capture of three, at these
 * milliseconds. Each record holds its number in the file and the file's letter, so that it is known again wherever it turns up.
 */
#ifndef TEST_UNIT_PIECES_H
#define TEST_UNIT_PIECES_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name of a case whose rows do nothing in a build that cannot unpack: TAP then says that they are skipped. Who uses it includes
 * capture/unpack.h. */
#define PACKED(name) (tca_unpack_is_there() ? (name) : name " # SKIP built without libarchive")

enum { PIECE_LINK = 1, PIECE_BYTES = 64 };

struct bytes {
    uint8_t *at; /* owned */
    size_t count, room;
};

static inline void put(struct bytes *out, const void *from, size_t count)
{
    if (out->count + count > out->room) {
        out->room = 2 * (out->count + count);
        out->at = realloc(out->at, out->room);
        ck_assert_ptr_nonnull(out->at);
    }
    memcpy(out->at + out->count, from, count);
    out->count += count;
}

static inline void put_u32(struct bytes *out, uint32_t value)
{
    put(out, &value, sizeof value);
}

static inline void put_capture_header(struct bytes *out, uint32_t link)
{
    put_u32(out, 0xa1b2c3d4);
    put_u32(out, 4u << 16 | 2);
    put_u32(out, 0);
    put_u32(out, 0);
    put_u32(out, 262144);
    put_u32(out, link);
}

static inline void put_piece_record(struct bytes *out, long ms, char letter, uint32_t number)
{
    uint8_t packet[PIECE_BYTES] = {(uint8_t)letter, (uint8_t)number, (uint8_t)(number >> 8),
                                   (uint8_t)(number >> 16)};
    put_u32(out, (uint32_t)(ms / 1000));
    put_u32(out, (uint32_t)(ms % 1000 * 1000));
    put_u32(out, sizeof packet);
    put_u32(out, sizeof packet);
    put(out, packet, sizeof packet);
}

static inline void put_piece(struct bytes *out, const char *times, char letter)
{
    char *end;
    uint32_t number = 0;
    put_capture_header(out, PIECE_LINK);
    for (const char *at = times; *at; at = end) {
        long ms = strtol(at, &end, 10);
        if (end == at)
            break;
        put_piece_record(out, ms, letter, ++number);
    }
}

/* A member of a tar. */
static inline void put_member(struct bytes *out, const char *name, const struct bytes *member)
{
    static const uint8_t zeros[512];
    char header[512] = {0};
    unsigned sum = 0;
    snprintf(header, 100, "%s", name);
    snprintf(header + 100, 8, "0000644");
    snprintf(header + 108, 8, "0000000");
    snprintf(header + 116, 8, "0000000");
    snprintf(header + 124, 12, "%011zo", member->count);
    snprintf(header + 136, 12, "00000000000");
    memset(header + 148, ' ', 8);
    header[156] = '0';
    memcpy(header + 257, "ustar\00000", 8);
    for (size_t at = 0; at < sizeof header; at++)
        sum += (uint8_t)header[at];
    snprintf(header + 148, 8, "%06o", sum);
    put(out, header, sizeof header);
    put(out, member->at, member->count);
    put(out, zeros, (512 - member->count % 512) % 512);
}

static inline void put_tar_end(struct bytes *out)
{
    static const uint8_t zeros[1024];
    put(out, zeros, sizeof zeros);
}

static inline void save(const char *path, struct bytes *out)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(out->at, 1, out->count, file), out->count);
    ck_assert_int_eq(fclose(file), 0);
    free(out->at);
    *out = (struct bytes){0};
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * Numbers and options inside a pcapng block. Every number is in the byte order of its section; an option is a code, a
 * length, and a value padded to four bytes.
 */
#ifndef TCA_CAPTURE_BLOCK_H
#define TCA_CAPTURE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t block_u16(const uint8_t *at, bool big_endian)
{
    return (uint16_t)(big_endian ? at[0] << 8 | at[1] : at[1] << 8 | at[0]);
}

static inline uint32_t block_u32(const uint8_t *at, bool big_endian)
{
    return big_endian ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
                      : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static inline uint64_t block_u64(const uint8_t *at, bool big_endian)
{
    uint64_t first = block_u32(at, big_endian), second = block_u32(at + 4, big_endian);

    return big_endian ? first << 32 | second : second << 32 | first;
}

struct tca_block_options {
    const uint8_t *at;
    size_t left;
    bool big_endian;
    bool cut; /* an option ends beyond its block */
};

struct tca_block_option {
    uint16_t code, len;
    const uint8_t *value; /* `len` bytes */
};

/* The next option; false after the last one. */
static inline bool block_option(struct tca_block_options *options, struct tca_block_option *ret_option)
{
    enum { HEADER = 4, END = 0 };
    size_t padded;

    if (options->left == 0)
        return false;
    options->cut = true;
    if (options->left < HEADER)
        return false;
    *ret_option = (struct tca_block_option){.code = block_u16(options->at, options->big_endian),
                                            .len = block_u16(options->at + 2, options->big_endian),
                                            .value = options->at + HEADER};
    padded = HEADER + ((ret_option->len + 3u) & ~3u);
    if (padded > options->left)
        return false;
    options->cut = false;
    options->at += padded;
    options->left -= padded;
    return ret_option->code != END;
}

#endif

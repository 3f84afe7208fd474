/* SPDX-License-Identifier: MIT
 *
 * Composing pcapng files block by block, in either byte order, right or wrong as asked.
 *
 *     at = blocks_packet(b, ...); blocks_option(b, ...); blocks_end(b, at);
 */
#ifndef TEST_TOOLS_PCAPNG_H
#define TEST_TOOLS_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2,
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_NAMES = 4,
    BLOCK_STATISTICS = 5,
    BLOCK_PACKET = 6,
    BLOCK_SECRETS = 10,
    BLOCK_CUSTOM = 0xbad,
    BLOCK_SECTION = 0x0a0d0d0a,
};
enum {
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_PACKET_FLAGS = 2,
    OPTION_PACKET_DROPS = 4,
    OPTION_TSRESOL = 9,
    OPTION_TSOFFSET = 14,
    OPTION_IFDROP = 5,
    OPTION_OSDROP = 7,
};

struct blocks {
    struct tca_buf out;
    bool big_endian;
};

void blocks_number(struct blocks *b, uint64_t value, size_t width);
/* Begin a block; what it returns goes to blocks_end(), which adds padding and both lengths. */
size_t blocks_begin(struct blocks *b, uint32_t type);
void blocks_end(struct blocks *b, size_t begin);
/* Bytes, padded to four. */
void blocks_bytes(struct blocks *b, const void *bytes, size_t len);
void blocks_option(struct blocks *b, uint16_t code, const void *value, uint16_t len);
void blocks_option_number(struct blocks *b, uint16_t code, uint64_t value, uint16_t width);

/* A whole section header. */
void blocks_section(struct blocks *b);
/* The rest leave the block open for options. */
size_t blocks_interface(struct blocks *b, uint16_t link, uint32_t snaplen);
size_t blocks_packet(struct blocks *b, uint32_t interface, uint64_t ticks, const void *bytes,
                     uint32_t captured, uint32_t original);
size_t blocks_old_packet(struct blocks *b, uint16_t interface, uint16_t drops, uint64_t ticks,
                         const void *bytes, uint32_t captured, uint32_t original);
size_t blocks_simple_packet(struct blocks *b, const void *bytes, uint32_t captured, uint32_t original);
size_t blocks_statistics(struct blocks *b, uint32_t interface);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Magic: what kind of file an input is, from its first bytes; and whether another capture begins at some
 * byte.
 */
#ifndef TCA_CAPTURE_MAGIC_H
#define TCA_CAPTURE_MAGIC_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/stream.h"

enum tca_magic_kind {
    MAGIC_PCAP,
    MAGIC_PCAPNG,
    MAGIC_COMPRESSED,
    MAGIC_ARCHIVE,
    MAGIC_FOREIGN, /* a capture in a format of another program */
};

struct tca_magic {
    uint8_t kind; /* enum tca_magic_kind */
    uint8_t len;
    uint8_t record_header_len; /* pcap */
    bool plain;                /* pcap: as the draft has it */
    uint16_t offset;
    const char *bytes;
    const char *format; /* "pcap", "pcapng", "gzip", ... */
    const char *hint;   /* pcap: precision of its times; else the command that makes a capture of it */
};

/* The kind of the input that begins here; NULL when it is none of those known. Takes no bytes from the
 * stream. The result is static. */
const struct tca_magic *tca_magic_sniff(struct tca_stream *stream);

/* The same by the first bytes of a file, of which TCA_MAGIC_BYTES are enough. */
enum { TCA_MAGIC_BYTES = 512 };
const struct tca_magic *tca_magic_of(const uint8_t *bytes, size_t count);

/* Compressed, or an archive? NULL is neither. */
bool tca_magic_is_packed(const struct tca_magic *magic);

/* Is this the name of a capture, whatever is in it: .pcap, .pcapng or .cap, as tcpdump, dumpcap and logrotate number them
 * ("x.pcap12", "x.pcap.3"), compressed or not? Only where it begins with nothing known: then something is wrong with it, while of
 * other files nobody said that they are captures. */
bool tca_magic_is_named_capture(const char *name);

/* Does a classic capture file begin with these 16 bytes; with these 8; a pcapng section with these 16?
 * Stricter than a sniff, since they were found where a record or block was expected: nothing that libpcap
 * accepts looks alike. */
bool tca_magic_is_classic(const uint8_t bytes[16]);
bool tca_magic_is_classic_start(const uint8_t bytes[8]);
bool tca_magic_is_section(const uint8_t bytes[16]);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Wire scripts: a conversation written down line by line (docs/design/cases.md) becomes packets. The tool
 * knows as much TCP as the defaults need: what each end has sent, and what of it really arrived at the other.
 */
#ifndef TEST_TOOLS_WIRE_H
#define TEST_TOOLS_WIRE_H

#include "base/buf.h"

#include <tcpautopsy/record.h>

struct wire_packet {
    int64_t time_ns; /* epoch */
    size_t offset;   /* in wire.bytes */
    uint32_t captured, original;
    bool seen; /* false: it was sent, but is in no capture */
};

struct wire {
    int link; /* LINKTYPE_ value */
    uint32_t snaplen;
    struct tca_buf bytes;        /* of all packets, one after another */
    struct wire_packet *packets; /* owned */
    size_t count, room;
};

struct wire_error {
    char text[300]; /* "NAME:LINE: what is wrong" */
};

/* Read a script; `name` is for messages only. 0, or -1 with words. *ret_wire is set on success only. */
int wire_parse(const char *name, const char *text, size_t length, struct wire *ret_wire,
               struct wire_error *error);
void wire_done(struct wire *wire);

/* Append a nanosecond pcap file, little-endian, of the packets that were seen. */
void wire_pcap(const struct wire *wire, struct tca_buf *out);
/* The same packets as a pcapng file with one section and one interface of nanosecond resolution. */
void wire_pcapng(const struct wire *wire, struct tca_buf *out);

/* The same packets as records that borrow from `wire`. The array belongs to the caller (free); NULL without
 * memory. */
struct tca_record *wire_records(const struct wire *wire, size_t *ret_count);

#endif

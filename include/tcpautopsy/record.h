/* SPDX-License-Identifier: MIT
 *
 * A record: one captured packet as a capture file holds it. The library is fed with arrays of these, so that
 * embedders and fuzzers need no files.
 */
#ifndef TCPAUTOPSY_RECORD_H
#define TCPAUTOPSY_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/* Which way a packet passed the interface, where the capture says so beside the packet. */
enum tca_direction {
    TCA_DIRECTION_UNKNOWN,
    TCA_DIRECTION_IN,   /* received, by the host of the interface itself */
    TCA_DIRECTION_OUT,  /* sent by it */
    TCA_DIRECTION_PAST, /* came in, but was for somebody else, or for many */
};

struct tca_record {
    const uint8_t *bytes; /* borrowed: valid until the call that was given this record returns */
    uint32_t captured;    /* bytes at `bytes` */
    uint32_t original;    /* bytes on the wire; >= captured in a sound file, not trusted */
    int64_t time_ns;      /* nanoseconds since 1970-01-01 00:00:00 UTC */
    uint64_t frame;       /* 1-based number in its capture, counted before any filter */
    int link;             /* LINKTYPE_ value as written in a capture file (1 = Ethernet, 101 = raw IP, ...) */
    uint8_t direction;    /* enum tca_direction */
    bool left_out; /* not chosen by a filter or time window: numbers its connection, and is not looked into */
    const char
        *comment; /* what somebody wrote beside it, UTF-8 or not, borrowed like `bytes`; NULL: nothing */
    uint32_t comment_len; /* bytes at `comment` */
    bool timeless; /* the capture has no time of it: time_ns is that of a record nearby, and tells nothing */
};

#endif

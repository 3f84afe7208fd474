/* SPDX-License-Identifier: MIT
 *
 * Shape: bytes that mean nothing become packets that mean something, so that a fuzzer comes past the checks of lengths and
 * checksums to what is behind them.
 *
 *     shape_mend()      a frame as it is, but lengths and checksums of IP, TCP, UDP and ICMP fit it
 *     shape_mend_file() a capture file as it is, but lengths of records and blocks fit it, and so do those of their packets
 *     shape_captures()  a script of steps, two bytes and more each, becomes conversations of a few hosts: every number is what the
 *                       ends would say next, unless the step says otherwise
 *
 * Lengths and checksums are repaired in shape.c, mend.c and tests/tools/frame.c; those of parts in part.c.
 */
#ifndef TEST_FUZZ_SHAPE_H
#define TEST_FUZZ_SHAPE_H

#include "fuzz.h"

#include <tcpautopsy/record.h>

/* Only where the bytes have room for the headers; other link types than Ethernet, raw IP and Linux cooked are left alone. */
void shape_mend(int link, uint8_t *bytes, size_t count);

/* pcap and pcapng of either byte order; what is neither is left alone. */
void shape_mend_file(uint8_t *bytes, size_t count);

enum { SHAPE_RECORDS_MAX = 4000, SHAPE_CAPTURES_MAX = 3 };

/* Records point into `bytes`, which is whole when it is made. */
struct shape {
    struct tca_buf bytes;
    struct tca_record *record[SHAPE_CAPTURES_MAX]; /* owned; frames of each count from 1 */
    size_t count[SHAPE_CAPTURES_MAX], captures;
};

/* All of `in` is used, or as much of it as makes SHAPE_RECORDS_MAX records. */
void shape_captures(struct fuzz_bytes *in, struct shape *ret_shape);
void shape_done(struct shape *shape);
/* All captures, `portion` records at a time; 0: each capture at once. */
void shape_feed(const struct shape *shape, struct tca_session *session, size_t portion);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Capture files of one Ethernet interface as tcpdump writes them: pcap in microseconds, or pcapng.
 */
#ifndef BENCH_SAVEFILE_H
#define BENCH_SAVEFILE_H

#include <stdio.h>

#include "pcapng.h"

struct savefile {
    FILE *file; /* borrowed */
    uint32_t snaplen;
    bool pcapng;
    bool failed;             /* errno tells why, at the first time */
    uint64_t packets, bytes; /* of the whole file */
    struct blocks blocks;
};

/* `out->file`, `snaplen` and `pcapng` are set; the rest is filled in. */
void savefile_begin(struct savefile *out);
void savefile_packet(struct savefile *out, int64_t time_us, const struct tca_buf *frame);
void savefile_end(struct savefile *out);

#endif

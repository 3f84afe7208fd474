/* SPDX-License-Identifier: MIT
 *
 * The reader of pcapng files: a sequence of blocks, in sections, whose packets name an interface of their section.
 *
 *     section (byte order) --> interface 0, 1, ... (link type, snap length, clock) --> packet, packet, ...
 *     section (another order, interfaces numbered anew) --> ...
 *
 * The only reader of this format, also where libpcap could read: libpcap holds that all interfaces of a file are of one
 * link type and one snap length and stops where they are not, which programs that capture on several interfaces write
 * every day; and it does not hand on which way packets went, what was lost, or where in the file it stands. Two
 * readers would need a rule for changing over in mid-file and would give one file two kinds of messages. libpcap is
 * the oracle instead: tests hold both against each other wherever both can read.
 */
#ifndef TCA_CAPTURE_PCAPNG_H
#define TCA_CAPTURE_PCAPNG_H

#include "base/clip.h"
#include "capture/interface.h"
#include "capture/reader.h"

enum { TCA_PCAPNG_COMMENTS_MAX = 16 }; /* of records of one batch */

struct tca_pcapng {
    struct tca_reader reader;
    bool big_endian;
    struct tca_interface *interface; /* owned: those of this section */
    size_t interfaces, room;
    struct tca_drops drops;                          /* of interfaces of sections before this one */
    struct tca_clip comment;                         /* of its sections and interfaces */
    struct tca_clip beside[TCA_PCAPNG_COMMENTS_MAX]; /* of records of this batch */
    size_t besides;
};

/* Begin with the section header that is the stream's next byte, and read on to the first interface. TCA_READ_OK, or
 * what came instead; END is a file without interfaces and packets. */
enum tca_read tca_pcapng_begin(struct tca_pcapng *file, struct tca_stream *stream);

/* The next records: some into an empty batch, or why there are none, which is final. They and their comments are borrowed
 * until the next call. */
enum tca_read tca_pcapng_next(struct tca_pcapng *file, struct tca_batch *batch);

/* What is known of lost packets so far. */
struct tca_drops tca_pcapng_drops(const struct tca_pcapng *file);

void tca_pcapng_done(struct tca_pcapng *file);

#endif

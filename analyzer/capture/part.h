/* SPDX-License-Identifier: MIT
 *
 * A part of an input: one capture, and the reader that its magic asks for. Usually there is one part, the whole input.
 */
#ifndef TCA_CAPTURE_PART_H
#define TCA_CAPTURE_PART_H

#include "capture/classic.h"
#include "capture/pcapng.h"

struct tca_part {
    const struct tca_part_calls *calls; /* of its reader; NULL: there is none */
    union {
        struct tca_reader reader; /* what all of them begin with */
        struct tca_classic classic;
        struct tca_pcapng pcapng;
    };
};

/* Is there a reader for this kind of input? `magic` may be NULL. */
bool tca_part_has_reader(const struct tca_magic *magic);

/* Begin to read the capture that begins at the stream's next byte, of a kind that has a reader. */
enum tca_read tca_part_begin(struct tca_part *part, struct tca_stream *stream, const struct tca_magic *magic);

/* The next records: some into an empty batch, or why there are none, which is final. They are borrowed until the next
 * call. */
enum tca_read tca_part_next(struct tca_part *part, struct tca_batch *batch);

/* What is known so far of packets that were lost. */
struct tca_drops tca_part_drops(const struct tca_part *part);

/* May its format tell which way a packet went, whatever the link type? */
bool tca_part_tells_directions(const struct tca_part *part);

/* What was written beside the capture as a whole, so far; "": nothing. Borrowed from the part. */
const char *tca_part_comment(const struct tca_part *part);

/* Accepts one that was not begun. */
void tca_part_done(struct tca_part *part);

#endif

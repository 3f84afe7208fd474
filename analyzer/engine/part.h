/* SPDX-License-Identifier: MIT
 *
 * What part.c writes and part_load.c reads (partfile.h is the file). Private to the engine.
 */
#ifndef TCA_ENGINE_PART_H
#define TCA_ENGINE_PART_H

#include "base/buf.h"
#include "engine/run.h"

#include <tcpautopsy/part.h>

/* The item TCA_PART_ABOUT begins with this; its label follows, without an end. */
struct tca_part_head {
    uint32_t share, shares;
    uint64_t captures, packets, flows;
    uint64_t settings; /* of reading: parts of one run have the same */
    uint64_t interrupted;
};

/* What the items' bytes mean to this build. */
uint64_t tca_part_form(void);

/* TCA_PART_HINTS: hints of one capture as they would be of capture 0 (classify/sweep/nat.h) follow this; TCA_PART_RUNS: runs of
 * it (artefact/spot.h), TCA_PART_GAP: a gap of it. */
struct tca_part_of {
    uint64_t capture;
};
/* TCA_PART_FILE: what is known of a file of a capture follows this. */
struct tca_part_file {
    uint64_t capture, at;
};

/* ---- captures (part_capture.c) ---- */
/* All that is to be known of one, but for its files; and of one of these: as bytes. 0 or TCA_EMEMORY. */
int tca_part_write_capture(struct capture *c, struct tca_buf *ret_item);
int tca_part_write_file(struct capture *c, uint32_t at, struct tca_buf *ret_item);
/* What such bytes hold, into a capture that was added with a name of any kind; and, of another share of the same capture, what
 * is to be added to it. *ret_files: it has so many, 0: it is no series. 0, TCA_EMEMORY, or TCA_EINPUT: it is none, or not the same
 * one. */
int tca_part_read_capture(const void *bytes, size_t size, struct capture *c, uint32_t *ret_files);
int tca_part_join_capture(const void *bytes, size_t size, struct capture *c);
int tca_part_read_file(const void *bytes, size_t size, struct capture *c, uint32_t at);
int tca_part_join_file(const void *bytes, size_t size, struct capture *c, uint32_t at);
/* As tca_spool_form(). */
uint64_t tca_part_capture_form(void);

#endif

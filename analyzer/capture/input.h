/* SPDX-License-Identifier: MIT
 *
 * An input as it is named, and the captures in it: the file itself; what it is compressed from; the members of an archive, and
 * what these are compressed from, or archives of, in turn.
 *
 *     path --> stream --(a capture, or nothing known)------------------------> itself
 *                     --(compressed, archive)--> unpack --> members --> ...    PATH/MEMBER
 *
 * Members come in the order of the archive. Those that are no captures are passed over, and counted. One alone can be named
 * as captures of archives are told, PATH/MEMBER: then there are no others.
 */
#ifndef TCA_CAPTURE_INPUT_H
#define TCA_CAPTURE_INPUT_H

#include <signal.h>
#include <stdint.h>

#include "capture/source.h"

enum { TCA_INPUT_DEPTH = 3 }; /* an archive in an archive, compressed: deeper ones are not looked into */

struct tca_input;

/* "-" is standard input. max_expanded: bytes that may come out of what is packed, 0: the usual (unpack.h). stop: borrowed, may
 * be NULL. 0, TCA_EINPUT or TCA_EMEMORY, words in *err. */
int tca_input_open(const char *path, uint64_t max_expanded, const volatile sig_atomic_t *stop,
                   struct tca_input **ret, struct tca_error *err);
/* Of a path ARCHIVE/MEMBER the length of what is the archive's file; 0 where no part of it before a slash is a file. */
size_t tca_input_archive(const char *path);
/* Accepts NULL. What it has handed out is to be closed before. */
void tca_input_close(struct tca_input *input);

/* The next capture: 1, *ret the caller's, to be closed before the next call; its name, borrowed until then. 0: there is none;
 * words in *err, or none, tell of what was passed over. Negative: words in *err, about what *ret_name names; after TCA_EINPUT and
 * TCA_EUNSUPPORTED others may follow; the rest is that of tca_source_take(). */
int tca_input_next(struct tca_input *input, const struct tca_source_settings *set, struct tca_source **ret,
                   const char **ret_name, struct tca_error *err);
/* The same, as the stream that it is in. */
int tca_input_next_stream(struct tca_input *input, struct tca_stream **ret, const char **ret_name,
                          struct tca_error *err);
/* Name and version of the library that unpacks, static; NULL without one. */
const char *tca_input_library(void);

#endif

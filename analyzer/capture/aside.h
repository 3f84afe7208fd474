/* SPDX-License-Identifier: MIT
 *
 * Members of archives set aside: their bytes, one member behind the other in one temporary file without a name, from which
 * they are read when their turn comes. So any number of them waits for the price of one open file.
 */
#ifndef TCA_CAPTURE_ASIDE_H
#define TCA_CAPTURE_ASIDE_H

#include "capture/stream.h"

struct tca_aside {
    const char *temp_dir; /* borrowed; NULL: TMPDIR, else /tmp */
    bool is_open;
    int fd;         /* owned */
    uint64_t bytes; /* in it */
};

void tca_aside_init(struct tca_aside *aside, const char *temp_dir);
void tca_aside_done(struct tca_aside *aside);

/* All of a stream, which is used up by that. The section's words are the caller's, to be freed. 0, TCA_EMEMORY or TCA_EOUTPUT,
 * words in *err. */
int tca_aside_put(struct tca_aside *aside, struct tca_stream *stream, struct tca_section *ret_section,
                  struct tca_error *err);
/* All that a member's stream has not read yet: whoever reads it goes on with that, and does not notice. */
int tca_aside_rest(struct tca_aside *aside, struct tca_stream *member, struct tca_error *err);

#endif

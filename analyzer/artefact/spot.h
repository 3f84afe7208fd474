/* SPDX-License-Identifier: MIT
 *
 * Where a frame of a capture stands for the user: which file's, and which frame of that file. A capture that was cut into
 * files is one capture inside, its frames counted through:
 *
 *      file 1 (ordinal 4):  1 2 3 4                    frames from 1 on: ordinal 4, ahead 0
 *      file 2 (ordinal 5):          1 2 3              frames from 5 on: ordinal 5, ahead 4
 *      frames:              1 2 3 4 5 6 7
 *
 * Captures and files are numbered from 1 in the order in which they were read. Where each capture is one file both numbers
 * are the same, and so are the frames. Of a capture whose files overlap each change from one to another is a run.
 */
#ifndef TCA_ARTEFACT_SPOT_H
#define TCA_ARTEFACT_SPOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tca_spot {
    uint32_t ordinal; /* of the file, from 1 */
    uint64_t frame;   /* in it */
};

/* Frames from `first` on. */
struct tca_spot_run {
    uint64_t first, ahead; /* ahead: by so much their numbers in the file are less */
    uint32_t file;         /* of the capture, from 0 */
};

struct tca_spotted {
    struct tca_spot_run *run; /* owned; by `first` */
    size_t runs, room;
    uint32_t files, before; /* files of the captures before it */
};

/* All zero: none. */
struct tca_spots {
    struct tca_spotted *capture; /* owned; by number */
    size_t count, room;
    bool any; /* a capture has several files, so that numbers differ */
};

/* The next capture, of so many files; its first run begins with the first frame, in the first file. 0 or TCA_EMEMORY. */
int tca_spots_add(struct tca_spots *all, uint32_t files);
/* The newest capture goes on with this run. 0 or TCA_EMEMORY. */
int tca_spots_run(struct tca_spots *all, const struct tca_spot_run *run);
int tca_spotted_run(struct tca_spotted *spotted, const struct tca_spot_run *run); /* of any one */
void tca_spots_done(struct tca_spots *all);

/* NULL: nothing was cut. Frame 0 is no frame: of the first file. */
struct tca_spot tca_spot_of(const struct tca_spots *all, uint32_t capture, uint64_t frame);
/* And back; false: there is no such file, or no such frame in it as far as it was read. */
bool tca_spot_find(const struct tca_spots *all, struct tca_spot place, uint32_t *ret_capture,
                   uint64_t *ret_frame);

#endif

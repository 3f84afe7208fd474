/* SPDX-License-Identifier: MIT
 *
 * The files of a unit (plan.h) as one row of records, in the order of time. As long as they follow each other, a file is open
 * while its records are delivered, and no longer; where they overlap, those that do are open side by side, and of the records
 * at hand the earliest is next, of equal times that of the earlier file.
 *
 *      file 1:  frames 1 2 3 4                    ahead 0
 *      file 2:              1 2 . 3               ahead 4, then 5
 *      file 3:                  1                 ahead 6
 *      unit:           1 2 3 4 5 6 7 8
 */
#ifndef TCA_CAPTURE_JOINED_H
#define TCA_CAPTURE_JOINED_H

#include "capture/shelf.h"
#include "capture/source.h"

#include <tcpautopsy/plan.h>

struct tca_joined;

/* Told once for each file of the unit, when nothing more comes of it: what tca_source_next() ended with, or what it could not
 * be opened for (then `facts` is NULL, with words in *error; TCA_OK and no words: it was not opened, as nothing was wanted of it
 * after an interrupt, or beyond max_records). On the thread of tca_joined_next(). All borrowed for the call. */
typedef void tca_joined_ended_fn(void *user, size_t file, int code, const struct tca_source_facts *facts,
                                 const struct tca_error *error);

/* The shelf, the unit and what the settings name are borrowed until the end. `max_records` counts over all files. 0 or
 * TCA_EMEMORY. */
int tca_joined_open(struct tca_shelf *shelf, const struct tca_plan_unit *unit,
                    const struct tca_source_settings *set, tca_joined_ended_fn *ended, void *user,
                    struct tca_joined **ret);
void tca_joined_close(
    struct tca_joined *joined); /* accepts NULL; of files that were not ended nothing is told */

/* Records of one file, one behind the other. */
struct tca_joined_batch {
    const struct tca_record *record; /* borrowed until the next call; frames count through the unit, from 1 */
    size_t count;
    size_t file;    /* of the unit */
    uint64_t ahead; /* their numbers in the file are less by this */
};
/* 1, or 0 at the end of all files; TCA_EMEMORY or TCA_EOUTPUT (a temporary file). What ends one file ends no other. After an
 * interrupt no more files are opened. */
int tca_joined_next(struct tca_joined *joined, struct tca_joined_batch *ret);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Which inputs are read together: a plan of the run, made before the first connection is looked at.
 *
 *      inputs (inputs.h) -> captures in them -> units: files that are one capture, in the order of time
 *                                            -> items: units that one reader has to read one after the other
 *
 * A unit is a file alone, or a series: the files into which one capture was cut while it was written. Units in one archive are
 * one item; nothing is shared between items, so that they can be read by several readers, processes or machines. Captures
 * are numbered through the plan: item by item, unit by unit, file by file, from 1.
 *
 *     tca_plan_new(inputs, &settings, &plan, &error);
 *     for (size_t at = 0; at < tca_plan_items(plan); at++)
 *         tca_session_read_item(session, plan, at, told, user);
 *     tca_plan_free(plan);
 */
#ifndef TCPAUTOPSY_PLAN_H
#define TCPAUTOPSY_PLAN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tcpautopsy/error.h>
#include <tcpautopsy/inputs.h>

struct tca_plan;

struct tca_plan_settings {
    const char *series;    /* "auto", "each" (no file belongs to another), "one" (all do); NULL: auto */
    uint64_t max_expanded; /* bytes out of one packed input; 0: the usual limit */
    const volatile sig_atomic_t
        *stop; /* borrowed, may be NULL: non-zero ends the planning; what was not looked into by then
                                        * is planned as inputs of their own */
};

/* A capture file, or a member of an archive. Strings are borrowed from the plan. */
struct tca_plan_file {
    const char *name; /* as `capture` tells it: as typed, or ARCHIVE/MEMBER */
    const char *path; /* of the input that it is in */
    /* It is this one of that input's captures, from 1; 0: all that the input holds is to be read, since it was not looked into, or
     * nothing in it belongs to anything else. */
    uint64_t number;
    uint64_t
        captures;     /* that get numbers when it is read: 1, or of a whole archive all in it; 0: not known */
    uint64_t bytes;   /* its share of the input's size as stored; 0 not known */
    uint64_t packets; /* records; 0 where it was not looked into */
    int64_t first_ns, last_ns; /* earliest and latest record; -1 not known, or no record */
    /* From the newest record of its unit's files before it to its first one, below zero where they overlap; 0 for the first file of
     * a unit, and for one without records. */
    int64_t quiet_ns;
    bool missing; /* a piece of the series is missing before it */
    const char *
        note; /* what is to be told of its archive, of which it is the first file in the plan; NULL: nothing */
};

/* Files that are one capture, by their first records' times. */
struct tca_plan_unit {
    const struct tca_plan_file *file;
    size_t files;
    const char *why; /* these belong together, or that one stands alone: a phrase for people */
};

struct tca_plan_item {
    const struct tca_plan_unit *unit;
    size_t units;
    uint64_t bytes; /* as stored */
    uint64_t
        id; /* hash of its inputs' names, sizes, times of change, first bytes, and of what is read of them */
};

/* The inputs are borrowed for the call. What cannot be read is planned all the same: reading it tells. 0, TCA_EMEMORY, or
 * TCA_EUSAGE where "one" asks for what cannot be one series, with words in *error. */
int tca_plan_new(const struct tca_inputs *inputs, const struct tca_plan_settings *set,
                 struct tca_plan **ret_plan, struct tca_error *error);
void tca_plan_free(struct tca_plan *plan); /* accepts NULL */

size_t tca_plan_items(const struct tca_plan *plan);
const struct tca_plan_item *tca_plan_item(const struct tca_plan *plan, size_t at); /* borrowed */
/* A file that was named more than once, or a member of an archive that was named as well, is in the plan once. How many names
 * were left out for that; the first of them and the one that it is read as, borrowed, NULL where there is none. */
uint64_t tca_plan_again(const struct tca_plan *plan, const char **ret_name, const char **ret_as);

#endif

/* SPDX-License-Identifier: MIT
 *
 * DIR/journal.csv: what a scan has done so far, a line for each lot of items that was read to its end, on the disk before the next step
 * (docs/scan.md has the format). Of several shards each has its own. While it is open no other process has it.
 */
#ifndef TCA_CLI_JOURNAL_H
#define TCA_CLI_JOURNAL_H

#include "manifest.h"

struct journal {
    int file;             /* -1: not open */
    char *path;           /* owned */
    bool torn;            /* writing failed */
    uint64_t read_faults; /* captures that could not be read, by its lines of parts */
    bool tables;          /* they were written, all of them, */
    uint64_t faults;      /* with so many captures that could not be read, */
    char *told; /* owned, or NULL: and what --fail-on asked for was told, or was not: "LIST:1", "LIST:0" */
};

/* What was read of a lot. */
struct journal_lot {
    size_t lot;
    const char *part; /* name without folder */
    uint64_t bytes;   /* of the part */
    uint64_t captures, packets, flows, faults;
};

/* Open that of this scan in the directory, and lock it; it begins with the manifest's digests, and what is torn at its end is
 * cut off. resume false: none may be there. 0, or a negative code whose words were printed, as of all functions here. */
int journal_open(struct journal *j, const char *directory, const struct manifest *m,
                 const struct shares *shares, bool resume);
void journal_close(struct journal *j);
int journal_lot(struct journal *j, const struct manifest *m, const struct journal_lot *one);
int journal_tables(struct journal *j, uint64_t captures, uint64_t faults, const char *told);

#endif

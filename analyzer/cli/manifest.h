/* SPDX-License-Identifier: MIT
 *
 * DIR/manifest.csv: which scan the parts in a directory are of (docs/scan.md has the format). All shards of one scan write the
 * same bytes, so that who comes first writes it, and the others find that it is theirs.
 */
#ifndef TCA_CLI_MANIFEST_H
#define TCA_CLI_MANIFEST_H

#include "shares.h"

#include <tcpautopsy/part.h>
#include <tcpautopsy/plan.h>
#include <tcpautopsy/session.h>

struct manifest_option {
    char *name, *value; /* owned */
};

struct manifest_item {
    uint64_t id;
    char *name; /* owned: of its first file */
};

/* Items that are read by one session, one behind the other, and become one part: a large one alone, or many small ones. */
struct manifest_lot {
    size_t first, count; /* items */
    uint64_t work;       /* bytes to read, and some for each item; 0 out of a file */
    unsigned share;      /* by series: whose it is, from 1; by hash 0 */
};

struct manifest {
    char *version;              /* owned: of the program */
    char plan[33], options[33]; /* digests */
    enum share_by by;
    unsigned shares;
    struct manifest_option *option; /* owned: those that change what is told */
    size_t option_count;
    struct manifest_item *item; /* owned, in the order of the plan */
    size_t item_count;
    struct manifest_lot *lot; /* owned, likewise */
    size_t lot_count;
};

/* 0, or a negative code whose words were printed, as of all functions here. */
int manifest_of(const struct request *req, const struct tca_plan *plan, const struct shares *shares,
                struct manifest *ret);
void manifest_done(struct manifest *m);
/* *ret_there false: there is no such file. */
int manifest_read(const char *path, struct manifest *ret, bool *ret_there);
/* Put it there, unless one is there already. */
int manifest_put(const struct manifest *m, const char *path);
/* Are they of one scan? Else says in what `there`, which lies at `where`, differs. */
bool manifest_same(const struct manifest *there, const struct manifest *ours, const char *where);
/* Was --anonymize given? Then addresses among its options are such as were shown. */
bool manifest_anonymized(const struct manifest *m);
/* The settings of its options, as setup_new() makes them from those that were typed. */
int manifest_settings(const struct manifest *m, struct tca_settings *set);

/* How many parts each lot has. */
static inline unsigned manifest_parts(const struct manifest *m)
{
    return m->by == BY_HASH ? m->shares : 1;
}

/* What a part of this lot carries as its label. */
void manifest_label(const struct manifest *m, size_t lot, char ret[TCA_PART_LABEL_MAX + 1]);
/* The lot that a part with such a label belongs to. False where it is of another scan; then *ret_why says in what, borrowed for
 * ever. */
bool manifest_fits(const struct manifest *m, const char *label, size_t *ret_lot, const char **ret_why);
/* Its file's name without folder; share 1 to manifest_parts(). */
void manifest_part_name(const struct manifest *m, size_t lot, unsigned share, char ret[64]);

#endif

/* SPDX-License-Identifier: MIT
 *
 * Shards: which share of a scan this process does.
 *
 * By series, each item of the plan is of one share; by hash, each share reads all items, and follows the connections of its
 * own. Which it is follows from the plan and the number of shares alone, so that machines that know nothing of each other agree.
 */
#ifndef TCA_CLI_SHARES_H
#define TCA_CLI_SHARES_H

#include "options.h"

#include <stdint.h>
#include <tcpautopsy/error.h>

enum share_by { BY_SERIES, BY_HASH };
enum { SHARES_MAX = 65536, HASH_SHARES_MAX = 64 }; /* the library follows no more of them by hash */

struct shares {
    unsigned share, count; /* this is share 1 to `count` */
    enum share_by by;
    bool asked; /* --shard was given: parts only, no tables */
};

extern const char *const share_by_name[];

/* What --shard and --by say, and where they leave it open, the scheduler's environment. `known`: shares that the directory's
 * scan has already, 0 where there is none. False with words printed where that is wrong, or cannot be told. */
bool shares_of(const struct request *req, unsigned known, size_t items, struct shares *ret);
/* The share, from 1, of each of these many pieces of work: the largest first, each to the share that has least so far. 0 or
 * TCA_EMEMORY. */
int shares_deal(const uint64_t *work, size_t pieces, unsigned count, unsigned *ret_share);
/* Pieces in this order: the largest first, of equal ones the earlier. `work` is by piece. */
void shares_sort(const uint64_t *work, size_t *piece, size_t pieces);

#endif

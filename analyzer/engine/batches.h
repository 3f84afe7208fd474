/* SPDX-License-Identifier: MIT
 *
 * A walk over the items of a sorter by all threads of a session: a batch of them is worked on in parts, side by side, while the
 * next one is read; then it is told in order.
 *
 *      sorter --read--> | batch 3 |                            one thread
 *                       | batch 2 | --work--> parts ........   any threads, at the same time
 *                       | batch 1 | --then--> told             one thread, when all that is done
 *                       | batch 0 | --behind--> tasks ......   any threads, beside the next batch's work
 *
 * With one thread a batch is one item, where it lies: nothing is copied, and it stays in the processor's cache.
 */
#ifndef TCA_ENGINE_BATCHES_H
#define TCA_ENGINE_BATCHES_H

#include "base/crew.h"
#include "base/extsort.h"

enum { TCA_BEHIND_MAX = 4 };

/* What is done, and by whom; borrowed by the walk. */
struct tca_batches {
    struct tca_crew *crew; /* NULL: one thread */
    struct tca_sorter *sorter;
    struct tca_owners owners; /* whose items; all zero: everybody's */
    unsigned room, parts;     /* items of a batch, where there are several threads; parts of it */
    /* Items [from, to) of the batch; parts come in the order of items, and some may be empty. */
    void (*work)(void *user, const void *const *item, unsigned from, unsigned to, unsigned part);
    /* All parts are done. Non-zero stops and is returned. */
    int (*then)(void *user, unsigned count);
    /* What may be done later of a batch that was told, so many tasks, at the same time: the next one is worked on beside them, and told
     * after them. Items live until then. Non-zero stops and is returned. NULL: nothing. */
    int (*behind)(void *user, unsigned task);
    unsigned behinds; /* TCA_BEHIND_MAX at most */
    /* An item whose turn is about to come, perhaps, with one thread; and once more when it comes next (near). NULL: nobody asks. */
    void (*ahead)(void *user, const void *item, bool near);
    void *user;
};
/* 0, what `then` or `behind` returned, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_batches_walk(const struct tca_batches *b);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The known name nearest to an unknown one, for error messages. Nothing is allocated.
 */
#ifndef TCA_REPORT_NEAREST_H
#define TCA_REPORT_NEAREST_H

struct tca_nearest {
    const char *word; /* borrowed */
    const char *best; /* borrowed from the offers; NULL while none is near */
    unsigned distance;
};

/* Begin a search; at most a third of the word (and at least two letters) may differ. */
void tca_nearest_init(struct tca_nearest *near, const char *word);
/* Offer a name; the first of equally near ones stays. */
void tca_nearest_offer(struct tca_nearest *near, const char *name);
/* The finding that was meant: by a short name of its family (hs_, sa_, ov_, tw_), by what a column shows of it, or by
 * the nearest id. NULL if none is near. */
const char *tca_nearest_finding(const char *word);

#endif

/* SPDX-License-Identifier: MIT
 *
 * SYNs that are all of their flow and are judged alike: judged once, and then told with other numbers (alike.c). Private to the
 * engine.
 */
#ifndef TCA_ENGINE_ALIKE_H
#define TCA_ENGINE_ALIKE_H

#include "engine/judged.h"

struct tca_alikes; /* opaque: of one walk, and of one thread of it */

/* For this part of the walk's threads, from 0. 0 or TCA_EMEMORY. */
int tca_alikes_new(const struct tca_judging *how, unsigned part, struct tca_alikes **ret_alikes);
void tca_alikes_free(struct tca_alikes *alikes); /* accepts NULL */
/* As tca_judge_item(), which is told at once: what is returned, j or another one, stays until the next item is asked about. */
const struct tca_judged *tca_alikes_tell(struct tca_alikes *alikes, const void *item, struct tca_judged *j);
/* The same to *j, which stays as it is while other items are asked about. */
void tca_alikes_judge(struct tca_alikes *alikes, const void *item, struct tca_judged *j);

#endif

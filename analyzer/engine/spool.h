/* SPDX-License-Identifier: MIT
 *
 * The spool from the inside, for what is put there and may be taken back (park.c). Private to the engine.
 */
#ifndef TCA_ENGINE_SPOOL_H
#define TCA_ENGINE_SPOOL_H

#include "engine/run.h"

/* The dossier of a flow as it is now; its marks stay the mirror's. */
void tca_spool_fill(const struct tca_session *s, const struct tca_flow *flow, struct tca_dossier *d);
/* To shard->encoded; its marks stand at the end of it. 0 or TCA_EMEMORY. */
int tca_spool_encode(struct tca_shard *shard, struct tca_flow *flow, const struct tca_dossier *d);
/* What stands there goes into the spool, at this place. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_spool_send(struct tca_shard *shard, const struct tca_flow *flow, const struct tca_dossier *d,
                   uint64_t *ret_place);
/* What was put there, to shard->recalled. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_spool_fetch(struct tca_shard *shard, uint64_t place);
/* The dossier of an item as it was put, but for what is not kept, and its marks, which stay in the item; returns what was put
 * behind it. */
const uint8_t *tca_spool_decode(const uint8_t *item, struct tca_dossier *d, const struct tca_mark **ret_mark);
/* Clear what is not kept. */
void tca_spool_clear(struct tca_dossier *d);

#endif

/* SPDX-License-Identifier: MIT
 *
 * The spool from the inside, for what is put there and may be taken back (park.c). Private to the engine.
 */
#ifndef TCA_ENGINE_SPOOL_H
#define TCA_ENGINE_SPOOL_H

#include "engine/run.h"

/* The dossier of a flow as it is now to shard->encoded; its marks stand at the end of it. *ret_in_order: in the order in which
 * the mirror has them. 0 or TCA_EMEMORY. */
int tca_spool_encode(struct tca_shard *shard, struct tca_flow *flow, bool *ret_in_order);
/* What stands there goes into the spool, at this place. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_spool_send(struct tca_shard *shard, const struct tca_flow *flow, uint64_t *ret_place);
/* What was put there, to shard->recalled. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_spool_fetch(struct tca_shard *shard, uint64_t place);
/* The dossier of an item as it was put, but for what is not kept (zeros), and its marks, which stay in the item; returns what
 * was put behind it. */
const uint8_t *tca_spool_decode(const uint8_t *item, struct tca_dossier *d, const struct tca_mark **ret_mark);
/* Of the flow's peers and mirror what is not kept; returns the end of it. */
enum { TCA_SPOOL_REST_MAX = 4096 };
uint8_t *tca_spool_pack_rest(uint8_t *out, const struct tca_flow *flow);
const uint8_t *tca_spool_unpack_rest(const uint8_t *in, struct tca_dossier *d);

#endif

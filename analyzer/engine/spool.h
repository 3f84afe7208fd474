/* SPDX-License-Identifier: MIT
 *
 * The spool from the inside, for what is put there and may be taken back (park.c). Private to the engine.
 */
#ifndef TCA_ENGINE_SPOOL_H
#define TCA_ENGINE_SPOOL_H

#include "engine/run.h"

/* How every item begins. */
struct tca_spool_head {
    uint16_t areas;   /* of a dossier, how many follow; 0: it is one SYN (lone.c) */
    uint16_t number;  /* of the marks behind these; of that SYN's model */
    uint32_t capture; /* the one that counts: in a part it is another one's number (part.c) */
};

/* The dossier of a flow as it is now to shard->encoded; its marks stand at the end of it, and behind it there is room for what will
 * be aside. *ret_in_order: in the order in which the mirror has them. It stands until something is put, sent or fetched. 0, TCA_EMEMORY or
 * TCA_EOUTPUT. */
int tca_spool_encode(struct tca_shard *shard, struct tca_flow *flow, size_t aside, bool *ret_in_order);
/* A dossier of it as it will be read, marks and all, without anything being put: they stand in shard->encoded. Errors likewise. */
int tca_spool_copy(struct tca_shard *shard, const struct tca_flow *flow, struct tca_dossier *ret);
/* An item goes into the spool, at the place of this row of the open capture. 0, TCA_EMEMORY or TCA_EOUTPUT. */
struct tca_spool_row {
    int64_t start_ns;
    uint64_t frame;
    uint32_t parked; /* as of the flow */
};
int tca_spool_add(struct tca_shard *shard, const struct tca_spool_row *row, const void *item, size_t size);
/* What stands in shard->encoded is in the spool from now on; returns its place. */
uint64_t tca_spool_send(struct tca_shard *shard, const struct tca_flow *flow);
/* What was put there, to shard->recalled. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_spool_fetch(struct tca_shard *shard, uint64_t place);
/* The dossier of an item as it was put, but for what is not kept (zeros), and its marks, which stay in the item; returns what
 * was put behind it. */
const uint8_t *tca_spool_decode(const uint8_t *item, struct tca_dossier *d, const struct tca_mark **ret_mark);
/* Of an item, without decoding it. */
struct tca_spool_client {
    uint32_t capture;
    uint8_t addr[16];
};
void tca_spool_peek(const void *item, struct tca_spool_client *ret_client);
/* What an item is made of a second time, from its dossier. 0 or TCA_EMEMORY. */
int tca_spool_encode_again(const struct tca_dossier *d, struct tca_buf *ret_item);
/* So many bytes of an item are read by pass 2, of what was written by whoever; 0: it is no item, or not whole. */
size_t tca_spool_measure(const void *item, size_t size);
/* An item of another session, at this place of the capture that its head names, into a list of the spool (tca_spool_begin()) that no
 * other thread uses meanwhile. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_spool_load(struct tca_session *s, unsigned list, const struct tca_spool_row *row, const void *item,
                   size_t size);
/* A number that differs where items mean another thing. */
uint64_t tca_spool_form(void);
/* Of the flow's peers and mirror what is not kept; returns the end of it. */
enum { TCA_SPOOL_REST_MAX = 4096 };
uint8_t *tca_spool_pack_rest(uint8_t *out, const struct tca_flow *flow);
const uint8_t *tca_spool_unpack_rest(const uint8_t *in, struct tca_dossier *d);

#endif

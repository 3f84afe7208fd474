/* SPDX-License-Identifier: MIT
 *
 * Flows that are one SYN, in the spool (lone.c). Private to the engine.
 */
#ifndef TCA_ENGINE_LONE_H
#define TCA_ENGINE_LONE_H

#include "engine/run.h"

/* No host begins with another one, and mirrors draw conclusions from that. */
static inline bool tca_is_first_ttl(uint8_t ttl)
{
    return ttl == 32 || ttl == 64 || ttl == 128 || ttl == 255;
}

/* What struct tca_flow_settings asks for; `user` is the shard. */
int tca_lone_over(void *user, const struct tca_segment *syn, int side, unsigned alike, bool *ret_told);
/* Decode an item of the sorter, if it is of such a flow: left_out of the spool is zeros, the index is made; *syn becomes its mark. */
bool tca_lone_get(const struct tca_session *s, const void *item, struct tca_mark *syn,
                  struct tca_dossier *ret);
/* What such an item holds. False: it is another one. */
struct tca_lone_syn {
    int64_t time_ns;
    uint64_t frame;
    uint32_t capture, seq, tsval;
    uint16_t ip_id, window;
    uint16_t port[2]; /* by role, as the addresses */
    uint16_t model;
    uint8_t ttl, family;
    uint8_t addr[2][16];
};
bool tca_lone_peek(const void *item, struct tca_lone_syn *ret);
/* Of it the address of the client alone. */
bool tca_lone_client(const void *item, uint8_t ret_addr[16]);
/* The item of it, into room for TCA_LONE_ITEM_MAX bytes, aligned as the sorter's are; returns its size. */
enum { TCA_LONE_ITEM_MAX = 96 };
size_t tca_lone_write(const struct tca_lone_syn *one, void *room);
/* The dossier was made of another one with the same model, and is to be that of this one; what else was written to it stays. */
void tca_lone_again(const struct tca_session *s, const struct tca_lone_syn *one, struct tca_mark *syn,
                    struct tca_dossier *d);
void tca_lone_done(struct tca_session *s);

/* ---- in parts (part.c) ---- */
/* As tca_spool_measure(), of an item without areas. */
size_t tca_lone_measure(const void *item, size_t size);
/* A model as bytes, from 0; NULL: there are no more. Borrowed. */
const void *tca_lone_model_at(const struct tca_session *s, unsigned at, size_t *ret_size);
/* Models of a part, and which of the session's they are. All zero: none. */
enum { TCA_LONE_MODELS_MAX = 256 };
struct tca_lone_loaded {
    struct tca_lone_model *model[TCA_LONE_MODELS_MAX]; /* owned */
    uint16_t number[TCA_LONE_MODELS_MAX];
    unsigned count;
    struct tca_buf encoded;
};
/* The part's next model. 0, TCA_EMEMORY, or TCA_EINPUT: it is none. */
int tca_lone_load_model(struct tca_session *s, struct tca_lone_loaded *loaded, const void *bytes,
                        size_t size);
/* An item of a part that was measured, and names its capture by the session's number. 0, TCA_EMEMORY, TCA_EOUTPUT, or
 * TCA_EINPUT. */
int tca_lone_load(struct tca_session *s, struct tca_lone_loaded *loaded, const void *item, size_t size);
void tca_lone_loaded_done(struct tca_lone_loaded *loaded);
/* As tca_spool_form(). */
uint64_t tca_lone_form(void);

#endif

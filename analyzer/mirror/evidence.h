/* SPDX-License-Identifier: MIT
 *
 * Evidence: segments kept as marks. Bounded per role and side: the first ones stay, the newest takes the last
 * place.
 */
#ifndef TCA_MIRROR_EVIDENCE_H
#define TCA_MIRROR_EVIDENCE_H

#include "mirror/mirror.h"

/* The mark of a segment, with what the mirror knows before it. */
static inline struct tca_mark tca_mark_of(const struct tca_mirror *m, const struct tca_segment *seg, int from)
{
    const struct tca_side *sender = &m->side[from], *peer = &m->side[1 - from];
    return (struct tca_mark){.time_ns = seg->time_ns,
                             .frame = seg->frame,
                             .seq = seg->seq,
                             .ack = seg->ack,
                             .len = seg->len,
                             .tsval = seg->opt.tsval,
                             .tsecr = seg->opt.tsecr,
                             .sent_end = sender->snd_nxt,
                             .peer_end = peer->snd_nxt,
                             .peer_acked = peer->acked,
                             .flags = seg->flags,
                             .window = seg->window,
                             .ip_id = seg->ip_id,
                             .ttl = seg->ttl,
                             .side = (uint8_t)from,
                             .sender_state = (uint8_t)tca_side_state(sender),
                             .receiver_state = (uint8_t)tca_side_state(peer),
                             .has_ts = seg->opt.has_ts,
                             .has_ip_id = seg->has_ip_id,
                             .checksum = seg->checksum,
                             .icmp_type = seg->icmp_type,
                             .icmp_code = seg->icmp_code,
                             .icmp_mtu = seg->icmp_mtu};
}
/* Keep it, if it has a role. 0 or TCA_EMEMORY. */
int tca_evidence_keep(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_mark *mark);
/* Add roles to the mark of this frame, keeping it if it was not yet. */
int tca_evidence_add_role(struct tca_mirror_context *ctx, struct tca_mirror *m, struct tca_mark *recent,
                          uint32_t roles);

#endif

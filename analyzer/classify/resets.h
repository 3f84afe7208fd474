/* SPDX-License-Identifier: MIT
 *
 * Inside the judging of resets: one RST and what is known of it, and the conditions of each cause. reset.c asks them in
 * order; each family has a file with its conditions and its judges:
 *
 *      reset_foreign.c   somebody else's, or not heeded by its receiver
 *      reset_opening.c   before the connection was open
 *      reset_reply.c     shape P: in answer to a segment that no connection wants
 *      reset_active.c    shape X: an application's or a timer's decision
 */
#ifndef TCA_CLASSIFY_RESETS_H
#define TCA_CLASSIFY_RESETS_H

#include "classify/level.h"
#include "classify/read/shapes.h"
#include "mirror/deviations.h"

struct tca_rst {
    const struct tca_case *c;
    const struct tca_mark *rst, *trigger;
    const struct tca_side *from, *to;
    enum tca_rst_shape shape;
    unsigned signs; /* enum tca_rst_sign */
};

/* A reset that an earlier one of its side does not explain, and why it came. */
struct tca_rst_told {
    struct tca_rst reset;
    enum tca_finding_id cause; /* TCA_FINDING_COUNT: none was found */
    bool ignored;              /* by its receiver */
};

/* The first reset of a cause, and how many there are. */
struct tca_rst_found {
    struct tca_rst first;
    unsigned count;
};
/* False: there is none, and `first` is not set. */
bool tca_rst_find(const struct tca_case *c, enum tca_finding_id wanted, struct tca_rst_found *ret_found);
/* Hold with the reset's frame first, then its trigger. False, and nothing held, when the cause of j->id does not occur. */
bool tca_rst_hold(const struct tca_case *c, struct tca_judgement *j, enum tca_confidence level,
                  struct tca_rst_found *ret_found);

/* "client" or "server": its sender, and the other end. */
const char *tca_rst_who(const struct tca_rst *r);
const char *tca_rst_peer(const struct tca_rst *r);
/* The first FIN of that side, if it passed before the reset; NULL: none. */
const struct tca_mark *tca_rst_first_fin(const struct tca_rst *r, int side);
/* The reset's sender had closed before. */
const struct tca_mark *tca_rst_own_fin(const struct tca_rst *r);
/* The other side's first acknowledgment of the FIN that the reset's sender had sent. */
const struct tca_mark *tca_rst_fin_ack(const struct tca_rst *r);
/* The answer to a SYN+ACK that nobody asked for: the SYN had borrowed the address, not the reset. */
bool tca_rst_answers_synack(const struct tca_rst *r);
/* Options and limits of Linux: of a host that is known to be another system they are a guess. */
enum tca_confidence tca_rst_linux_level(const struct tca_case *c, const struct tca_rst *r,
                                        struct tca_levels levels);

/* reset_foreign.c */
bool tca_rst_is_forged(const struct tca_rst *r);
bool tca_rst_is_in_time_wait(const struct tca_rst *r);
/* An ignored reset is no cause of anything: its receiver challenged it, or went on. */
bool tca_rst_is_ignored(const struct tca_case *c, const struct tca_mark *rst);

/* reset_opening.c */
bool tca_rst_is_embryonic_dup(const struct tca_rst *r);
bool tca_rst_is_refused(const struct tca_rst *r);
bool tca_rst_is_to_challenge(const struct tca_rst *r);
bool tca_rst_is_syn_sent_abort(const struct tca_rst *r);
bool tca_rst_is_listener_closed(const struct tca_rst *r);
bool tca_rst_is_request_expired(const struct tca_rst *r);
bool tca_rst_is_abort_on_overflow(const struct tca_rst *r);

/* reset_reply.c */
bool tca_rst_is_data_after_close(const struct tca_rst *r);
bool tca_rst_is_linger2(const struct tca_rst *r);
bool tca_rst_is_tw_overflow(const struct tca_rst *r);
bool tca_rst_is_no_socket(const struct tca_rst *r);

/* reset_active.c */
bool tca_rst_is_active(const struct tca_rst *r);
bool tca_rst_is_keepalive_timeout(const struct tca_rst *r);
bool tca_rst_is_retry_exhausted(const struct tca_rst *r);
bool tca_rst_is_linger0(const struct tca_rst *r);
bool tca_rst_is_unread_data(const struct tca_rst *r);
bool tca_rst_is_orphan_limit(const struct tca_rst *r);

#endif

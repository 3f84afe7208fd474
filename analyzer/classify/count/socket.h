/* SPDX-License-Identifier: MIT
 *
 * A socket: one endpoint of one connection as a command of its own host would list it, with the times at which
 * its state changed. The mirror's settled history, without what nobody could have seen:
 *
 *     steps of the mirror    SYN_RECV  ESTABLISHED  CLOSE_WAIT  LAST_ACK  CLOSED
 *                                |          |         \_ same instant _/     |
 *     steps of the socket    SYN_RECV  ESTABLISHED            LAST_ACK     (gone)
 *
 * LISTEN and CLOSED are no state of a socket here: before the first step and after the last it is not there.
 * A connection whose opening the capture lacks is UNKNOWN from its first segment until something decides.
 */
#ifndef TCA_CLASSIFY_SOCKET_H
#define TCA_CLASSIFY_SOCKET_H

#include "classify/finding.h"

struct tca_socket_step {
    int64_t time_ns;
    uint8_t state; /* enum tca_state; CLOSED: gone */
};

/* A time in which it may as well be in another state, without a sign on the wire. */
struct tca_doubt {
    int64_t from_ns, to_ns;
};
/* A clock, a request that may be none, a deferred accept(), a refused ACK, a ladder that broke off, a FIN that waits; a TIME_WAIT that was not kept, by the next one
 * on its tuple and by its host. */
enum { TCA_DOUBTS_MAX = 8 };

struct tca_socket {
    uint8_t addr[2][16]; /* its own, its peer's */
    uint16_t port[2];
    uint8_t family; /* 4 or 6 */
    uint8_t role;   /* TCA_CLIENT or TCA_SERVER */
    uint32_t capture;
    bool own_side;      /* the capture was taken at its own host */
    int64_t watched_ns; /* the capture's end */
    uint64_t
        id_frame; /* with the capture, names the connection; of several on one tuple the later one has the higher number */
    int64_t accepted_ns; /* server: when its application's first word proved that accept() had taken it; -1 */
    bool prior_absent; /* server: nothing of the connection before it was left, though it should have been */
    bool forgets;      /* its host had no TIME_WAIT for it, or for the one before it, though one was due */
    bool keeps;        /* its TIME_WAIT answered */
    uint32_t
        tw_room; /* TIME_WAITs that its host holds at one time (tcp_max_tw_buckets); UINT32_MAX: not known */
    uint8_t doubt_count, step_count;
    struct tca_doubt doubt[TCA_DOUBTS_MAX];
    struct tca_socket_step step[TCA_STEPS_MAX + 3]; /* in time order, different times, different states */
};

/* A state that a socket can be counted in: SYN_SENT to TIME_WAIT, and UNKNOWN. */
static inline bool tca_state_counted(enum tca_state state)
{
    return (state >= TCA_SYN_SENT && state <= TCA_TIME_WAIT) || state == TCA_UNKNOWN;
}

/* One end of a flow whose clocks ran to `until_ns`. Where the capture was taken at this end's own host, what it does
 * not send is told, too. False: it never had a socket that the capture could show. */
bool tca_socket_of(const struct tca_case *c, int role, int64_t until_ns, struct tca_socket *ret_socket);
/* It is gone from this moment on at the latest: its host uses the same addresses and ports anew, or nobody watches
 * any more; INT64_MAX: never. */
void tca_socket_cut(struct tca_socket *socket, int64_t time_ns);
/* At this moment nothing was left of it, for the next one on its tuple, or as its host forgets: its TIME_WAIT may have
 * ended at any time before, or never have begun. */
void tca_socket_doubt_time_wait(struct tca_socket *socket, int64_t time_ns);
/* After everything that happened up to this moment; CLOSED: not there. */
enum tca_state tca_socket_state_at(const struct tca_socket *socket, int64_t time_ns);
/* It may as well be in another state: a change lies within 20 ms, or a clock may have fired unseen. */
bool tca_socket_unsure_at(const struct tca_socket *socket, int64_t time_ns);

#endif

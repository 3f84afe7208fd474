/* SPDX-License-Identifier: MIT
 *
 * What Linux does differently from RFC 9293, or where the RFC leaves a value open. Kept apart so that the
 * transition table stays checkable against the RFC. Read in 5.10, 6.1, 6.12 and 7.2 unless said; measured
 * on 6.18.
 */
#ifndef TCA_MIRROR_DEVIATIONS_H
#define TCA_MIRROR_DEVIATIONS_H

#include <stdint.h>

#define TCA_SECOND INT64_C(1000000000)
#define TCA_MS     INT64_C(1000000)

/* TIME_WAIT lasts 60 s, not 2 x 2 minutes: include/net/tcp.h TCP_TIMEWAIT_LEN, not tunable. */
#define TCA_LINUX_TIME_WAIT_NS (60 * TCA_SECOND)
/* An orphan waits this long in FIN_WAIT2: net/ipv4/tcp.c tcp_close, sysctl tcp_fin_timeout. The RFC has no
 * limit. */
#define TCA_LINUX_FIN_WAIT2_NS (60 * TCA_SECOND)
/* First retransmission of SYN and SYN+ACK, RFC 6298 section 2.1. */
#define TCA_INITIAL_RTO_NS TCA_SECOND
/* A request with tcp_synack_retries=5 is freed 63 s after its first SYN+ACK: inet_connection_sock.c
 * reqsk_timer_handler; with a half-full SYN queue after two repeats, at 7 s. */
#define TCA_LINUX_REQUEST_NS (63 * TCA_SECOND)
/* Where accept() is deferred by more than a second the SYN+ACK is first repeated after 3 s or more, its rungs at one second
 * and before being left out: net/ipv4/inet_connection_sock.c syn_ack_recalc. */
#define TCA_LINUX_DEFER_MIN_NS (2900 * TCA_MS)
/* No interval between retransmissions is longer: include/net/tcp.h TCP_RTO_MAX. */
#define TCA_RTO_MAX_NS (120 * TCA_SECOND)
/* include/net/tcp.h TCP_RTO_MIN, 200 ms; a little less for the capture's own jitter. */
#define TCA_MIN_RTO_NS (180 * TCA_MS)
/* Payload is acknowledged within 200 ms at the latest (include/net/tcp.h TCP_DELACK_MAX), timers being late.
 */
#define TCA_DELAYED_ACK_NS (250 * TCA_MS)
/* PAWS: Linux tolerates one tick, include/net/tcp.h TCP_PAWS_WINDOW; RFC 7323 section 5.3 tolerates none. */
enum { TCA_PAWS_TICKS = 1 };
/* ts_recent is void after this: 24 days in 5.10 and 6.1 (RFC 7323 section 5.5), 2147 s since 6.12. The
 * shorter one is used: past it nothing is rejected. */
#define TCA_PAWS_VALID_NS (2147 * TCA_SECOND)
/* No timer of a stack runs longer (RTO 120 s, keepalive 2 h): what was measured beyond is a hole in the capture
 * or a broken clock. Capped, so that twice it and more can be added to any time. */
#define TCA_INTERVAL_MAX_NS (86400 * TCA_SECOND)
static inline int64_t tca_interval(int64_t from_ns, int64_t to_ns)
{
    int64_t apart = to_ns - from_ns;
    return apart < TCA_INTERVAL_MAX_NS ? apart : TCA_INTERVAL_MAX_NS;
}
/* Timers are never early and up to an eighth late (kernel/time/timer.c wheel), so a clock that nothing
 * contradicts is taken to have fired only then. */
static inline int64_t tca_timer_latest(int64_t interval_ns)
{
    return interval_ns + interval_ns / 8 + TCA_SECOND / 10;
}
/* RST in CLOSE_WAIT, LAST_ACK, CLOSING is also taken one below RCV.NXT: tcp_input.c tcp_reset_check. */
/* After an RST neither end keeps TIME_WAIT (RFC 9293 section 3.5.2 suggests it for the sender). */
/* tcp_retries2 and TCP_USER_TIMEOUT end a connection without any segment: tcp_timer.c tcp_write_err. */

#endif

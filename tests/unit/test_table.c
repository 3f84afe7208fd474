/* SPDX-License-Identifier: MIT
 *
 * The transition table against RFC 9293, read from the RFC and not from the table.
 *
 * Figure 5 draws the edges of the user's calls and of segments that arrive in order; section 3.10.7 says the
 * rest: what a reset does (3.10.7.3 and 3.10.7.4, second), what a FIN does in each state (3.10.7.4, eighth),
 * and that an endpoint whose SYN crossed another's still opens (figure 7). Every edge is a row below. Every
 * cell that the RFC forbids to move is a row of the second table. Cells that no endpoint can reach are not
 * judged: what a table says there is its own affair, except that it must say something that exists.
 *
 * Checked against: RFC 9293 sections 3.3.2, 3.5, 3.6, 3.10.4 to 3.10.8; RFC 5961 section 4.
 */
#include <stdlib.h>

#include "mirror/state.h"
#include "suite.h"

#define ONE(state) (1u << (state))
#define SYNCHRONIZED                                                                                         \
    (ONE(TCA_ESTABLISHED) | ONE(TCA_FIN_WAIT1) | ONE(TCA_FIN_WAIT2) | ONE(TCA_CLOSE_WAIT) |                  \
     ONE(TCA_CLOSING) | ONE(TCA_LAST_ACK) | ONE(TCA_TIME_WAIT))

struct edge {
    enum tca_state from;
    enum tca_event event;
    unsigned to; /* set of states that the text allows */
    const char *why;
};

/* clang-format off */
static const struct edge moves[] = {
    /* Opening. */
    {TCA_CLOSED,      TCA_SENT_SYN,        ONE(TCA_SYN_SENT),    "figure 5: active OPEN, snd SYN"},
    {TCA_LISTEN,      TCA_SENT_SYN,        ONE(TCA_SYN_SENT),    "figure 5: SEND on a listening socket, snd SYN"},
    {TCA_UNKNOWN,     TCA_SENT_SYN,        ONE(TCA_SYN_SENT),    "only an active OPEN sends a SYN alone"},
    {TCA_LISTEN,      TCA_GOT_SYN,         ONE(TCA_SYN_RECV),    "figure 5: rcv SYN, snd SYN,ACK"},
    {TCA_LISTEN,      TCA_SENT_SYNACK,     ONE(TCA_SYN_RECV),    "figure 5: the same edge, seen from what it sent"},
    {TCA_UNKNOWN,     TCA_SENT_SYNACK,     ONE(TCA_SYN_RECV),    "3.10.7.2: whoever sends SYN,ACK is SYN-RECEIVED"},
    {TCA_SYN_SENT,    TCA_GOT_SYN,         ONE(TCA_SYN_RECV),    "figure 5: rcv SYN, snd SYN,ACK; figure 7"},
    {TCA_SYN_SENT,    TCA_SENT_SYNACK,     ONE(TCA_SYN_RECV),    "figure 7 line 4: the SYN,ACK of a simultaneous open"},
    {TCA_SYN_SENT,    TCA_GOT_SYNACK,      ONE(TCA_ESTABLISHED), "figure 5: rcv SYN,ACK, snd ACK"},
    {TCA_SYN_SENT,    TCA_SENT_OPEN,       ONE(TCA_ESTABLISHED), "figure 5: the same edge, seen from its ACK"},
    {TCA_SYN_RECV,    TCA_GOT_ACK_OF_SYN,  ONE(TCA_ESTABLISHED), "figure 5: rcv ACK of SYN"},
    {TCA_SYN_RECV,    TCA_GOT_SYNACK,      ONE(TCA_ESTABLISHED), "figure 7 line 5: the crossed SYN,ACK acknowledges the SYN"},
    {TCA_SYN_RECV,    TCA_SENT_OPEN,       ONE(TCA_ESTABLISHED), "only an open connection sends it"},
    {TCA_UNKNOWN,     TCA_SENT_OPEN,       ONE(TCA_ESTABLISHED), "the capture began in the middle"},
    /* Closing. */
    {TCA_SYN_RECV,    TCA_SENT_FIN,        ONE(TCA_FIN_WAIT1),   "figure 5: CLOSE, snd FIN, from SYN-RECEIVED"},
    {TCA_ESTABLISHED, TCA_SENT_FIN,        ONE(TCA_FIN_WAIT1),   "figure 5: CLOSE, snd FIN"},
    {TCA_UNKNOWN,     TCA_SENT_FIN,        ONE(TCA_FIN_WAIT1),   "the capture began in the middle: the first FIN"},
    {TCA_CLOSE_WAIT,  TCA_SENT_FIN,        ONE(TCA_LAST_ACK),    "figure 5: CLOSE, snd FIN"},
    {TCA_SYN_RECV,    TCA_GOT_FIN,         ONE(TCA_CLOSE_WAIT),  "3.10.7.4 eighth: SYN-RECEIVED and ESTABLISHED alike"},
    {TCA_ESTABLISHED, TCA_GOT_FIN,         ONE(TCA_CLOSE_WAIT),  "figure 5: rcv FIN, snd ACK"},
    {TCA_FIN_WAIT1,   TCA_GOT_ACK_OF_FIN,  ONE(TCA_FIN_WAIT2),   "figure 5: rcv ACK of FIN"},
    {TCA_FIN_WAIT1,   TCA_GOT_FIN,         ONE(TCA_CLOSING),     "figure 5: rcv FIN, snd ACK: simultaneous close"},
    {TCA_FIN_WAIT2,   TCA_GOT_FIN,         ONE(TCA_TIME_WAIT),   "figure 5: rcv FIN, snd ACK"},
    {TCA_CLOSING,     TCA_GOT_ACK_OF_FIN,  ONE(TCA_TIME_WAIT),   "figure 5: rcv ACK of FIN"},
    {TCA_LAST_ACK,    TCA_GOT_ACK_OF_FIN,  ONE(TCA_CLOSED),      "figure 5: rcv ACK of FIN"},
    {TCA_TIME_WAIT,   TCA_TIMER_2MSL,      ONE(TCA_CLOSED),      "figure 5: timeout of 2 MSL, delete TCB"},
    /* Resets. A passive opener goes back to LISTEN, an active one to CLOSED: the table knows no difference. */
    {TCA_SYN_SENT,    TCA_GOT_RST,         ONE(TCA_CLOSED),      "3.10.7.3 second: connection refused"},
    {TCA_SYN_RECV,    TCA_GOT_RST,         ONE(TCA_LISTEN) | ONE(TCA_CLOSED), "3.10.7.4 second: back to LISTEN, or refused"},
    {TCA_ESTABLISHED, TCA_GOT_RST,         ONE(TCA_CLOSED),      "3.10.7.4 second: connection reset"},
    {TCA_FIN_WAIT1,   TCA_GOT_RST,         ONE(TCA_CLOSED),      "3.10.7.4 second: connection reset"},
    {TCA_FIN_WAIT2,   TCA_GOT_RST,         ONE(TCA_CLOSED),      "3.10.7.4 second: connection reset"},
    {TCA_CLOSE_WAIT,  TCA_GOT_RST,         ONE(TCA_CLOSED),      "3.10.7.4 second: connection reset"},
    {TCA_CLOSING,     TCA_GOT_RST,         ONE(TCA_CLOSED),      "3.10.7.4 second: enter CLOSED"},
    {TCA_LAST_ACK,    TCA_GOT_RST,         ONE(TCA_CLOSED),      "3.10.7.4 second: enter CLOSED"},
    {TCA_TIME_WAIT,   TCA_GOT_RST,         ONE(TCA_CLOSED),      "3.10.7.4 second: enter CLOSED; RFC 1337 section 2"},
    {TCA_SYN_RECV,    TCA_SENT_RST,        ONE(TCA_CLOSED),      "3.10.5: ABORT sends a reset"},
    {TCA_ESTABLISHED, TCA_SENT_RST,        ONE(TCA_CLOSED),      "3.10.5: ABORT sends a reset"},
    {TCA_FIN_WAIT1,   TCA_SENT_RST,        ONE(TCA_CLOSED),      "3.10.5: ABORT sends a reset"},
    {TCA_FIN_WAIT2,   TCA_SENT_RST,        ONE(TCA_CLOSED),      "3.10.5: ABORT sends a reset"},
    {TCA_CLOSE_WAIT,  TCA_SENT_RST,        ONE(TCA_CLOSED),      "3.10.5: ABORT sends a reset"},
    {TCA_CLOSING,     TCA_SENT_RST,        ONE(TCA_CLOSED),      "3.10.5: ABORT deletes the TCB"},
    {TCA_LAST_ACK,    TCA_SENT_RST,        ONE(TCA_CLOSED),      "3.10.5: ABORT deletes the TCB"},
    {TCA_UNKNOWN,     TCA_SENT_RST,        ONE(TCA_CLOSED),      "whoever sends a reset has no connection left"},
    /* Clocks and errors. */
    {TCA_SYN_SENT,    TCA_GOT_UNREACHABLE, ONE(TCA_CLOSED),      "RFC 1122 4.2.3.9 for a connection being opened"},
    {TCA_SYN_SENT,    TCA_TIMER_USER,      ONE(TCA_CLOSED),      "3.10.8: user timeout, enter CLOSED"},
    {TCA_SYN_RECV,    TCA_TIMER_USER,      ONE(TCA_LISTEN) | ONE(TCA_CLOSED), "3.10.8: user timeout"},
    {TCA_ESTABLISHED, TCA_TIMER_USER,      ONE(TCA_CLOSED),      "3.10.8: user timeout, enter CLOSED"},
    {TCA_FIN_WAIT1,   TCA_TIMER_USER,      ONE(TCA_CLOSED),      "3.10.8: user timeout, enter CLOSED"},
    {TCA_FIN_WAIT2,   TCA_TIMER_USER,      ONE(TCA_CLOSED),      "an orphan's FIN-WAIT-2 expires"},
    {TCA_CLOSE_WAIT,  TCA_TIMER_USER,      ONE(TCA_CLOSED),      "3.10.8: user timeout, enter CLOSED"},
    {TCA_CLOSING,     TCA_TIMER_USER,      ONE(TCA_CLOSED),      "3.10.8: user timeout, enter CLOSED"},
    {TCA_LAST_ACK,    TCA_TIMER_USER,      ONE(TCA_CLOSED),      "3.10.8: user timeout, enter CLOSED"},
};

/* One event that must leave all these states as they are. */
struct stay {
    enum tca_event event;
    unsigned states;
    const char *why;
};

static const struct stay stays[] = {
    {TCA_EVENT_NONE,     ONE(TCA_STATE_COUNT) - 1u,                "nothing happened"},
    {TCA_SENT_SYN,       ONE(TCA_SYN_SENT),                        "a retransmission"},
    {TCA_SENT_SYNACK,    ONE(TCA_SYN_RECV),                        "a retransmission"},
    {TCA_SENT_OPEN,      SYNCHRONIZED,                             "data and acknowledgments move nothing"},
    {TCA_SENT_FIN,       ONE(TCA_FIN_WAIT1) | ONE(TCA_CLOSING) | ONE(TCA_LAST_ACK), "a retransmission"},
    {TCA_GOT_SYN,        SYNCHRONIZED & ~ONE(TCA_TIME_WAIT),       "RFC 5961 section 4: challenge ACK, no more"},
    {TCA_GOT_SYN,        ONE(TCA_SYN_RECV),                        "a repeated SYN is answered again"},
    {TCA_GOT_SYNACK,     SYNCHRONIZED & ~ONE(TCA_TIME_WAIT),       "a repeated SYN,ACK is acknowledged again"},
    {TCA_GOT_ACK_OF_SYN, SYNCHRONIZED,                             "already acknowledged"},
    {TCA_GOT_FIN,        ONE(TCA_CLOSE_WAIT) | ONE(TCA_CLOSING) | ONE(TCA_LAST_ACK) | ONE(TCA_TIME_WAIT),
                                                                   "3.10.7.4 eighth: remain"},
    {TCA_GOT_FIN,        ONE(TCA_CLOSED) | ONE(TCA_LISTEN) | ONE(TCA_SYN_SENT),
                                                                   "3.10.7.4 eighth: do not process the FIN"},
    {TCA_GOT_ACK_OF_FIN, ONE(TCA_FIN_WAIT2) | ONE(TCA_TIME_WAIT),  "already acknowledged"},
    {TCA_GOT_RST,        ONE(TCA_CLOSED),                          "3.10.7.1: discarded"},
    {TCA_GOT_RST,        ONE(TCA_LISTEN),                          "3.10.7.2 first: ignored"},
    {TCA_SENT_RST,       ONE(TCA_CLOSED),                          "3.10.7.1: replies to what arrives, stays CLOSED"},
    {TCA_TIMER_2MSL,     (SYNCHRONIZED & ~ONE(TCA_TIME_WAIT)) | ONE(TCA_CLOSED), "only TIME-WAIT has that clock"},
    {TCA_TIMER_USER,     ONE(TCA_CLOSED),                          "nothing left to give up"},
};
/* clang-format on */

enum { MOVE_COUNT = ROWS(moves), STAY_COUNT = ROWS(stays) };

START_TEST(test_move)
{
    const struct edge *row = &moves[_i];
    enum tca_state to = tca_transition(row->from, row->event);

    ck_assert_msg((ONE(to) & row->to) != 0, "%s + %s gives %s: %s", tca_state_name(row->from),
                  tca_event_name(row->event), to < TCA_STATE_COUNT ? tca_state_name(to) : "nothing",
                  row->why);
}
END_TEST

START_TEST(test_stay)
{
    const struct stay *row = &stays[_i];

    for (int state = 0; state < TCA_STATE_COUNT; state++) {
        if (!(row->states & ONE(state)))
            continue;
        enum tca_state to = tca_transition((enum tca_state)state, row->event);
        ck_assert_msg((int)to == state, "%s + %s gives %s: %s", tca_state_name((enum tca_state)state),
                      tca_event_name(row->event), to < TCA_STATE_COUNT ? tca_state_name(to) : "nothing",
                      row->why);
    }
}
END_TEST

/* Whatever a cell says, it is a state or the mark of the impossible. */
START_TEST(test_range)
{
    for (int state = 0; state < TCA_STATE_COUNT; state++) {
        for (int event = 0; event < TCA_EVENT_COUNT; event++) {
            enum tca_state to = tca_transition((enum tca_state)state, (enum tca_event)event);
            ck_assert_msg((unsigned)to <= TCA_STATE_COUNT, "state %d, event %d gives %d", state, event,
                          (int)to);
        }
    }
}
END_TEST

/* RFC 9293 has no edge back from closing to open, and none into UNKNOWN: what is known is not forgotten. */
START_TEST(test_no_way_back)
{
    const unsigned opening =
        ONE(TCA_LISTEN) | ONE(TCA_SYN_SENT) | ONE(TCA_SYN_RECV) | ONE(TCA_ESTABLISHED) | ONE(TCA_UNKNOWN);

    for (int state = TCA_FIN_WAIT1; state <= TCA_LAST_ACK; state++) {
        for (int event = 0; event < TCA_EVENT_COUNT; event++) {
            enum tca_state to = tca_transition((enum tca_state)state, (enum tca_event)event);
            ck_assert_msg(!(ONE(to) & opening), "%s + %s leads back to %s",
                          tca_state_name((enum tca_state)state), tca_event_name((enum tca_event)event),
                          tca_state_name(to));
        }
    }
    for (int state = 0; state < TCA_UNKNOWN; state++) {
        for (int event = 0; event < TCA_EVENT_COUNT; event++)
            ck_assert_int_ne((int)tca_transition((enum tca_state)state, (enum tca_event)event), TCA_UNKNOWN);
    }
}
END_TEST

/* The spelling is interface: it is printed in every table. */
START_TEST(test_names)
{
    static const char *const names[TCA_STATE_COUNT] = {
        [TCA_LISTEN] = "LISTEN",           [TCA_SYN_SENT] = "SYN_SENT",   [TCA_SYN_RECV] = "SYN_RECV",
        [TCA_ESTABLISHED] = "ESTABLISHED", [TCA_FIN_WAIT1] = "FIN_WAIT1", [TCA_FIN_WAIT2] = "FIN_WAIT2",
        [TCA_CLOSE_WAIT] = "CLOSE_WAIT",   [TCA_CLOSING] = "CLOSING",     [TCA_LAST_ACK] = "LAST_ACK",
        [TCA_TIME_WAIT] = "TIME_WAIT",     [TCA_CLOSED] = "CLOSED",       [TCA_UNKNOWN] = "UNKNOWN",
    };

    for (int state = 0; state < TCA_STATE_COUNT; state++)
        ck_assert_str_eq(tca_state_name((enum tca_state)state), names[state]);
    for (int event = 0; event < TCA_EVENT_COUNT; event++)
        ck_assert_ptr_nonnull(tca_event_name((enum tca_event)event));
}
END_TEST

/* Synchronized: the seven states in which both SYNs are known to have arrived (RFC 9293 section 3.5.3, group
 * 3). */
START_TEST(test_synchronized)
{
    for (int state = 0; state < TCA_STATE_COUNT; state++)
        ck_assert_int_eq(tca_state_synchronized((enum tca_state)state), (SYNCHRONIZED & ONE(state)) != 0);
}
END_TEST

static Suite *table_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *tc = tcase_create("table");

    tcase_add_loop_test(tc, test_move, 0, MOVE_COUNT);
    tcase_add_loop_test(tc, test_stay, 0, STAY_COUNT);
    tcase_add_test(tc, test_range);
    tcase_add_test(tc, test_no_way_back);
    tcase_add_test(tc, test_names);
    tcase_add_test(tc, test_synchronized);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    return run_suite(table_suite());
}

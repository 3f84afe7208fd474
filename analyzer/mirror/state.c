/* SPDX-License-Identifier: MIT
 *
 * The transition table, to be checked by eye against RFC 9293 figure 5 and section 3.10.
 *
 * A capital entry moves, a small one stays, XX says no endpoint can do this from here. There are no
 * conditions in the table: whether a segment counts (sequence, window, PAWS, acknowledgment) is decided
 * before, in event.c, and what Linux does differently stands in deviations.h.
 *
 * The last column is not in the RFC: UN, a connection met in the middle. It takes the state that the event
 * shows. SENT_OPEN is no RFC event either: it is the proof that the handshake had been completed, whenever
 * that was.
 */
#include "mirror/state.h"

enum {
    LI = TCA_LISTEN,
    SS = TCA_SYN_SENT,
    SR = TCA_SYN_RECV,
    ES = TCA_ESTABLISHED,
    F1 = TCA_FIN_WAIT1,
    F2 = TCA_FIN_WAIT2,
    CW = TCA_CLOSE_WAIT,
    CG = TCA_CLOSING,
    LA = TCA_LAST_ACK,
    TW = TCA_TIME_WAIT,
    CD = TCA_CLOSED,
    UN = TCA_UNKNOWN,
    XX = TCA_STATE_COUNT,
    li = LI,
    ss = SS,
    sr = SR,
    es = ES,
    f1 = F1,
    f2 = F2,
    cw = CW,
    cg = CG,
    la = LA,
    tw = TW,
    cd = CD,
    un = UN,
};

/* clang-format off */
static const uint8_t table[TCA_EVENT_COUNT][TCA_STATE_COUNT] = {
/*                        LI  SS  SR  ES  F1  F2  CW  CG  LA  TW  CD  UN                                        */
[TCA_EVENT_NONE]      = { li, ss, sr, es, f1, f2, cw, cg, la, tw, cd, un },
[TCA_SENT_SYN]        = { SS, ss, sr, XX, XX, XX, XX, XX, XX, XX, SS, SS }, /* 3.10.1 OPEN, 3.10.2 SEND from LISTEN */
[TCA_SENT_SYNACK]     = { SR, SR, sr, XX, XX, XX, XX, XX, XX, XX, SR, SR }, /* 3.10.7.2; simultaneous: 3.10.7.3    */
[TCA_SENT_OPEN]       = { XX, ES, ES, es, f1, f2, cw, cg, la, tw, XX, ES }, /* proof, see above                    */
[TCA_SENT_FIN]        = { XX, XX, F1, F1, f1, f2, LA, cg, la, tw, XX, F1 }, /* 3.10.4 CLOSE                        */
[TCA_SENT_RST]        = { li, CD, CD, CD, CD, CD, CD, CD, CD, CD, cd, CD }, /* 3.10.5 ABORT, 3.5.2                 */
[TCA_GOT_SYN]         = { SR, SR, sr, es, f1, f2, cw, cg, la, tw, cd, SR }, /* 3.10.7.2, .3; else RFC 5961 4.2     */
[TCA_GOT_SYNACK]      = { li, ES, ES, es, f1, f2, cw, cg, la, tw, cd, ES }, /* 3.10.7.3; figure 7, line 5          */
[TCA_GOT_ACK_OF_SYN]  = { li, ss, ES, es, f1, f2, cw, cg, la, tw, cd, ES }, /* 3.10.7.4, fifth                     */
[TCA_GOT_FIN]         = { li, ss, CW, CW, CG, TW, cw, cg, la, tw, cd, CW }, /* 3.10.7.4, eighth                    */
[TCA_GOT_ACK_OF_FIN]  = { li, ss, sr, es, F2, f2, cw, TW, CD, tw, cd, un }, /* 3.10.7.4, fifth                     */
[TCA_GOT_RST]         = { li, CD, LI, CD, CD, CD, CD, CD, CD, CD, cd, CD }, /* 3.10.7.3, 3.10.7.4 second           */
[TCA_GOT_UNREACHABLE] = { li, CD, sr, es, f1, f2, cw, cg, la, tw, cd, un }, /* RFC 1122 4.2.3.9: hard for a SYN    */
[TCA_TIMER_2MSL]      = { li, ss, sr, es, f1, f2, cw, cg, la, CD, cd, un }, /* 3.10.8                              */
[TCA_TIMER_USER]      = { li, CD, CD, CD, CD, CD, CD, CD, CD, tw, cd, un }, /* 3.10.8 user timeout; 3.8.3          */
};
/* clang-format on */

enum tca_state tca_transition(enum tca_state state, enum tca_event event)
{
    return (enum tca_state)table[event][state];
}

const struct tca_word *tca_state_word(enum tca_state state)
{
    static const struct tca_word word[TCA_STATE_COUNT] = {
        [TCA_LISTEN] = TCA_WORD("LISTEN"),         [TCA_SYN_SENT] = TCA_WORD("SYN_SENT"),
        [TCA_SYN_RECV] = TCA_WORD("SYN_RECV"),     [TCA_ESTABLISHED] = TCA_WORD("ESTABLISHED"),
        [TCA_FIN_WAIT1] = TCA_WORD("FIN_WAIT1"),   [TCA_FIN_WAIT2] = TCA_WORD("FIN_WAIT2"),
        [TCA_CLOSE_WAIT] = TCA_WORD("CLOSE_WAIT"), [TCA_CLOSING] = TCA_WORD("CLOSING"),
        [TCA_LAST_ACK] = TCA_WORD("LAST_ACK"),     [TCA_TIME_WAIT] = TCA_WORD("TIME_WAIT"),
        [TCA_CLOSED] = TCA_WORD("CLOSED"),         [TCA_UNKNOWN] = TCA_WORD("UNKNOWN"),
    };
    return &word[state < TCA_STATE_COUNT ? state : TCA_UNKNOWN];
}

const char *tca_state_name(enum tca_state state)
{
    return tca_state_word(state)->text;
}

const char *tca_event_name(enum tca_event event)
{
    static const char *const name[TCA_EVENT_COUNT] = {
        [TCA_EVENT_NONE] = "",
        [TCA_SENT_SYN] = "sent SYN",
        [TCA_SENT_SYNACK] = "sent SYN+ACK",
        [TCA_SENT_OPEN] = "acted as an open connection",
        [TCA_SENT_FIN] = "sent FIN",
        [TCA_SENT_RST] = "sent RST",
        [TCA_GOT_SYN] = "received SYN",
        [TCA_GOT_SYNACK] = "received SYN+ACK",
        [TCA_GOT_ACK_OF_SYN] = "received ACK of SYN",
        [TCA_GOT_FIN] = "received FIN",
        [TCA_GOT_ACK_OF_FIN] = "received ACK of FIN",
        [TCA_GOT_RST] = "received RST",
        [TCA_GOT_UNREACHABLE] = "received ICMP unreachable",
        [TCA_TIMER_2MSL] = "2MSL timer",
        [TCA_TIMER_USER] = "gave up",
    };
    return event < TCA_EVENT_COUNT ? name[event] : "";
}

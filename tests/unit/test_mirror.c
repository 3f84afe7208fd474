/* SPDX-License-Identifier: MIT
 *
 * The mirror against the protocol: what two endpoints must have been doing, judged from the segments alone.
 * The rows were written from RFC 9293, RFC 5961, RFC 7323 and from what Linux does, never from the mirror's
 * code.
 *
 *      rows          the 58 numbered rows of the mirror's transition table (docs/design/mirror.md)
 *      figures       RFC 9293 figures 6 to 13
 *      hypotheses    two readings, and what decides between them
 *      laboratory    what the comparison with a kernel's own record had shown
 *      clocks        TIME_WAIT, FIN_WAIT2, SYN_RECV, ladders given up
 *      acceptability which segments may advance an endpoint at all
 *      ladders       copies, answers, crossings, at their tolerances
 *      bytes         what is counted as payload, and once
 *      hostile       noise: the invariants hold whatever comes
 *
 * The capture point lies 5 ms from either end: a SYN+ACK follows its SYN by 10 ms there, the ACK by
 * another 10. Every row runs with several pairs of initial sequence numbers: the wrap falls on the SYN, into
 * the data, nowhere.
 */
#include "mirror_script.h"
#include "suite.h"

static const uint32_t isns[][2] = {
    {0xfffffffeu, 0xffffffffu}, /* the first byte, and the byte before it, wrap */
    {0xffffffc0u, 0x7fffffc0u}, /* inside the first segment; the sign bit of the other side */
    {0, 1},
};
enum { ISN_COUNT = sizeof(isns) / sizeof(isns[0]) };

/* Prefixes. Frames are counted in the margin. */
#define OPEN                                                                                                 \
    "0.000 > S\n"  /* 1 */                                                                                   \
    "0.010 < SA\n" /* 2 */                                                                                   \
    "0.020 > A\n"  /* 3 */
#define TALK                                                                                                 \
    OPEN "0.030 > PA len=100\n"             /* 4 */                                                          \
         "0.040 < A\n"                      /* 5: both are proved ESTABLISHED */
#define CLIENT_FIN TALK "0.100 > FA\n"      /* 6 */
#define HALF       CLIENT_FIN "0.110 < A\n" /* 7: FIN_WAIT2 and CLOSE_WAIT */
#define BOTH_FIN   HALF "0.120 < FA\n"      /* 8 */
#define OVER       BOTH_FIN "0.130 > A\n"   /* 9: TIME_WAIT and CLOSED */
#define CROSS                                                                                                \
    TALK "0.100 > FA\n"         /* 6 */                                                                      \
         "0.101 < FA ack=101\n" /* 7: left before the client's FIN arrived */

#define PATH_OPEN   "SYN_SENT;ESTABLISHED"
#define PATH_ACCEPT "SYN_RECV;ESTABLISHED"

/* ---- the numbered rows ---- */

static const struct script_row rows[] = {
    {"row_01", "a SYN is sent by SYN_SENT",
     "0.000 > S\n"
     "= client SYN_SENT! path SYN_SENT\n"
     "= mark 1 SYN copy=1 side=client\n"
     "= client.syn_count 1\n"},
    {"row_02", "a SYN that passed may have arrived, and may have been dropped",
     "0.000 > S\n"
     "= server may SYN_RECV may LISTEN|CLOSED|UNKNOWN\n"},
    {"row_03", "SYN+ACK proves that the SYN arrived",
     "0.000 > S\n"
     "0.010 < SA\n"
     "= server SYN_RECV! path SYN_RECV\n"
     "= mark 2 SYNACK copy=1 side=server !refuting\n"
     "= server.synack_count 1\n"},
    {"row_03", "TSecr names the copy that arrived: the first had not",
     "0.000 > S lost\n"
     "1.000 > S\n"
     "1.010 < SA tsecr=2\n"
     "= server SYN_RECV! path SYN_RECV at 1 LISTEN|CLOSED|UNKNOWN\n"},
    {"row_03", "refused at first, then somebody listens",
     "0.000 > S\n"
     "0.010 < RA seq=@0 ack=1\n"
     "0.510 > S\n"
     "0.520 < SA\n"
     "= server SYN_RECV! not CLOSED\n"
     "0.530 > A\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"
     "= server ESTABLISHED? may SYN_RECV path " PATH_ACCEPT "\n"},
    {"row_03", "the capture begins with the SYN+ACK",
     "0.000 < SA ack=1\n"
     "= server SYN_RECV!\n"
     "0.010 > A seq=1 ack=1\n"
     "= client ESTABLISHED!\n"
     "= server ESTABLISHED? may SYN_RECV\n"},
    {"row_03", "the SYN stands behind its SYN+ACK in the file",
     "flow nots\n"
     "0.000 < SA ack=1\n"
     "= damage 64\n"
     "0.0003 > S\n"
     "= damage 16\n"
     "= client.syn_count 1\n"
     "= mark 2 SYN copy=1 !refuting\n"
     "= client ESTABLISHED? may SYN_SENT\n"
     "= server SYN_RECV!\n"
     "0.010 > A\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"
     "= server ESTABLISHED? path " PATH_ACCEPT "\n"},
    {"row_03", "... and behind the ACK",
     "flow nots\n"
     "0.000 < SA ack=1\n"
     "0.010 > A seq=1 ack=1\n"
     "0.0101 > S seq=0\n"
     "= damage 16\n"
     "= mark 3 SYN copy=1 !refuting\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"},
    {"row_03", "... but not where the time stamps tell another copy",
     "0.000 < SA ack=1\n"
     "0.0003 > S seq=0\n"
     "= damage 64\n"},
    {"row_03", "a SYN that comes a second later is a copy: the first one lies before the capture",
     "flow nots\n"
     "0.000 < SA ack=1\n"
     "0.900 > S seq=0\n"
     "= damage 64\n"
     "= mark 2 SYN refuting\n"},
    {"row_04", "refused: the SYN_RECV that was assumed never was",
     "0.000 > S\n"
     "0.010 < RA seq=@0 ack=1\n"
     "= server CLOSED! path - at 1 LISTEN|CLOSED|UNKNOWN\n"
     "= client CLOSED path SYN_SENT;CLOSED\n"
     "= mark 2 RST fit=exact side=server\n"
     "= mark 1 SYN,TRIGGER\n"
     "= first_rst 1\n"},
    {"row_05", "the same SYN again is a rung of the ladder",
     "0.000 > S\n"
     "1.000 > S\n"
     "= client SYN_SENT! path SYN_SENT\n"
     "= mark 2 SYN copy=2\n"
     "= client.syn_count 2\n"},
    {"row_05", "the same SYN again: the SYN+ACK never arrived",
     "0.000 > S\n"
     "0.010 < SA lost\n"
     "1.000 > S\n"
     "= client SYN_SENT! path SYN_SENT at 2 SYN_SENT\n"
     "1.010 < SA\n"
     "1.020 > A\n"
     "= client ESTABLISHED! path " PATH_OPEN " at 3 SYN_SENT at 4 ESTABLISHED\n"},
    {"row_06", "SYN+ACK seen to pass: established, if it arrived",
     "0.000 > S\n"
     "0.010 < SA\n"
     "= client ESTABLISHED? may SYN_SENT path " PATH_OPEN "\n"},
    {"row_07", "the ACK proves it, and dates it at the SYN+ACK",
     OPEN "= client ESTABLISHED! not SYN_SENT path " PATH_OPEN " at 1 SYN_SENT at 2 ESTABLISHED\n"
          "= mark 3 OPEN_ACK\n"},
    {"row_07", "data on the third segment proves it as well",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.150 > PA len=100\n"
     "= client ESTABLISHED! not SYN_SENT path " PATH_OPEN "\n"
     "= mark 3 OPEN_ACK,FIRST_DATA\n"},
    {"row_07", "its SYN+ACK was not captured",
     "0.000 > S\n"
     "0.010 < SA unseen\n"
     "0.020 > A\n"
     "0.030 > PA len=100\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"},
    {"row_08", "a bare SYN answers a bare SYN: simultaneous open",
     "0.000 > S\n"
     "0.001 < S\n"
     "= client SYN_RECV? may SYN_SENT path SYN_SENT;SYN_RECV\n"
     "= server may SYN_SENT\n"
     "= server_syn_bare 1\n"},
    {"row_09", "the client's own SYN+ACK proves it",
     "0.000 > S\n"
     "0.001 < S\n"
     "0.010 > SA seq=0 ack=1\n"
     "= client SYN_RECV! not SYN_SENT path SYN_SENT;SYN_RECV\n"
     "= mark 3 SYNACK side=client\n"
     "= client_synack 1\n"},
    {"row_10", "SYN+ACK for another SYN: reset in answer, still opening",
     "0.000 > S\n"
     "0.010 < SA ack=-9\n"
     "= client SYN_SENT not ESTABLISHED\n"
     "0.020 > R seq=-9\n"
     "= client SYN_SENT path SYN_SENT\n"
     "0.031 > S\n"
     "= client SYN_SENT! path SYN_SENT\n"
     "= client.syn_count 2\n"},
    {"row_10", "bare ACK with numbers of another life: still opening",
     "0.000 > S\n"
     "0.010 < A seq=7000 ack=-4000\n"
     "= client SYN_SENT not ESTABLISHED\n"
     "0.020 > R seq=-4000\n"
     "0.031 > S\n"
     "= client SYN_SENT! path SYN_SENT\n"},
    {"row_11", "RST that acknowledges the SYN: refused, if it arrived",
     "0.000 > S\n"
     "0.010 < RA seq=@0 ack=1\n"
     "= client CLOSED? may SYN_SENT path SYN_SENT;CLOSED\n"},
    {"row_11", "the SYN again: the reset never arrived, or was not believed",
     "0.000 > S\n"
     "0.010 < RA seq=@0 ack=1\n"
     "0.510 > S\n"
     "= client SYN_SENT! path SYN_SENT\n"},
    {"row_12", "RST without ACK is ignored in SYN_SENT",
     "0.000 > S\n"
     "0.010 < R seq=@0\n"
     "= client SYN_SENT! not CLOSED path SYN_SENT\n"
     "= mark 2 RST fit=outside\n"},
    {"row_12", "RST that acknowledges another SYN is ignored",
     "0.000 > S\n"
     "0.010 < RA seq=@0 ack=2\n"
     "= client SYN_SENT! not CLOSED path SYN_SENT\n"
     "= mark 2 RST fit=outside\n"},
    {"row_13", "unreachable, quoting the SYN",
     "0.000 > S\n"
     "0.010 icmp 3 1 >\n"
     "= client CLOSED? may SYN_SENT path SYN_SENT;CLOSED\n"
     "= mark 2 ICMP side=client\n"},
    {"row_13", "unreachable once more ignored: the socket was locked",
     "0.000 > S\n"
     "0.010 icmp 3 3 >\n"
     "1.000 > S\n"
     "= client SYN_SENT! path SYN_SENT\n"},
    {"row_13", "unreachable quoting another SYN says nothing",
     "0.000 > S\n"
     "0.010 icmp 3 1 > seq=500\n"
     "= client SYN_SENT path SYN_SENT\n"},
    {"row_13", "unreachable is soft once established",
     TALK "0.100 > PA len=10\n"
          "0.110 icmp 3 1 >\n"
          "= client ESTABLISHED not CLOSED\n"},
    {"row_13", "fragmentation needed asks for smaller packets, no more",
     "0.000 > S\n"
     "0.010 icmp 3 4 >\n"
     "= client SYN_SENT not CLOSED\n"},
    {"row_13", "ICMPv6: port unreachable",
     "flow noid\n"
     "0.000 > S\n"
     "0.010 icmp 1 4 >\n"
     "= client CLOSED? may SYN_SENT path SYN_SENT;CLOSED\n"},
    {"row_13", "ICMPv6: packet too big asks for smaller packets, no more",
     "flow noid\n"
     "0.000 > S\n"
     "0.010 icmp 2 0 >\n"
     "= client SYN_SENT not CLOSED\n"},
    {"row_13", "ICMPv6: time exceeded ends it like unreachable (tcp_v6_err)",
     "flow noid\n"
     "0.000 > S\n"
     "0.010 icmp 3 0 >\n"
     "= client CLOSED? may SYN_SENT path SYN_SENT;CLOSED\n"},
    {"row_13", "so do time exceeded and parameter problem of ICMP (tcp_v4_err)",
     "0.000 > S\n"
     "0.010 icmp 11 0 >\n"
     "= client CLOSED? may SYN_SENT path SYN_SENT;CLOSED\n"},
    {"row_13", "source quench and redirect end nothing",
     "0.000 > S\n"
     "0.010 icmp 4 0 >\n"
     "0.020 icmp 5 1 >\n"
     "= client SYN_SENT not CLOSED\n"},
    {"row_14", "the ladder merely stops",
     "0.000 > S\n"
     "1.020 > S\n"
     "3.040 > S\n"
     "clock 5\n"
     "= client SYN_SENT path SYN_SENT\n"
     "clock 1000\n"
     "= client CLOSED? path SYN_SENT;CLOSED\n"},
    {"row_15", "SYN+ACK again is a rung",
     "0.000 > S\n"
     "0.010 < SA\n"
     "1.020 < SA\n"
     "= server SYN_RECV! path SYN_RECV\n"
     "= mark 3 SYNACK copy=2 !answers_syn !crossing !refuting\n"
     "= server.synack_count 2\n"},
    {"row_15", "SYN+ACK right after a repeated SYN answers it",
     "0.000 > S\n"
     "0.010 < SA lost\n"
     "1.000 > S\n"
     "1.010 < SA\n"
     "= server SYN_RECV! path SYN_RECV\n"
     "= mark 4 SYNACK copy=2 answers_syn\n"},
    {"row_16", "the third segment passed: established, if it was taken",
     OPEN "= server ESTABLISHED? may SYN_RECV path " PATH_ACCEPT "\n"
          "= child_proved 0\n"},
    {"row_16", "an ACK one beyond opens nothing",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > A ack=2\n"
     "= server SYN_RECV not ESTABLISHED\n"},
    {"row_16", "an ACK one short opens nothing",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > A ack=0\n"
     "= server SYN_RECV not ESTABLISHED\n"},
    {"row_17", "SYN+ACK again: the ACK had not opened it",
     OPEN "1.020 < SA\n"
          "= server SYN_RECV! not ESTABLISHED path SYN_RECV at 3 SYN_RECV\n"
          "= mark 4 SYNACK copy=2 refuting !crossing\n"
          "= open_refuted 1\n"
          "= client ESTABLISHED!\n"},
    {"row_18", "an acknowledgment of data proves the child",
     OPEN "0.030 > PA len=100\n"
          "0.040 < A\n"
          "= server ESTABLISHED! not SYN_RECV path " PATH_ACCEPT " at 3 ESTABLISHED\n"
          "= mark 5 CHILD side=server\n"
          "= child_proved 1\n"
          "= child_frame 3\n"},
    {"row_18", "data proves the child",
     OPEN "0.030 < PA len=10\n"
          "= server ESTABLISHED! not SYN_RECV\n"
          "= mark 4 CHILD,FIRST_DATA\n"},
    {"row_18", "a FIN proves the child, and closes",
     OPEN "0.030 < FA\n"
          "= server FIN_WAIT1! path " PATH_ACCEPT ";FIN_WAIT1\n"
          "= mark 4 CHILD,FIN\n"
          "= first_fin 1\n"},
    {"row_18", "a window update proves the child",
     OPEN "0.030 < A win=509\n"
          "= server ESTABLISHED! not SYN_RECV\n"},
    {"row_19", "RST takes a request back to the listener",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > R seq=1\n"
     "= server LISTEN|CLOSED path SYN_RECV;LISTEN|CLOSED\n"
     "= mark 3 RST fit=exact\n"
     "= mark 2 SYNACK,TRIGGER\n"},
    {"row_19", "RST beyond the window of a request is ignored",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > R seq=70000\n"
     "= server SYN_RECV path SYN_RECV\n"
     "= mark 3 RST fit=outside\n"},
    {"row_19", "RST in the window but inexact: kernels differ, so the request may live",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > R seq=5\n"
     "= server may SYN_RECV\n"
     "= mark 3 RST fit=in_window\n"},
    {"row_20", "reset in answer to the ACK: the child never existed",
     OPEN "0.030 < R seq=1\n"
          "= server CLOSED! path SYN_RECV;CLOSED at 3 SYN_RECV\n"
          "= client CLOSED? path " PATH_OPEN ";CLOSED\n"
          "= mark 3 OPEN_ACK,TRIGGER\n"
          "= mark 4 RST fit=exact\n"},
    {"row_21", "another SYN inside the window of a request: an ACK, and it goes on",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > S seq=50 forged\n"
     "= server SYN_RECV\n"
     "0.030 < A seq=1 ack=1 id=0\n"
     "= server SYN_RECV path SYN_RECV\n"},
    {"row_21", "another SYN inside the window of a request: embryonic reset",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > S seq=50 forged\n"
     "0.030 < RA seq=@0 ack=51\n"
     "= server CLOSED! path SYN_RECV;CLOSED\n"},
    {"row_22", "a request expires in silence",
     "0.000 > S\n"
     "0.010 < SA\n"
     "1.020 < SA\n"
     "3.050 < SA\n"
     "7.240 < SA\n"
     "15.430 < SA\n"
     "31.570 < SA\n"
     "clock 62\n"
     "= server SYN_RECV path SYN_RECV\n"
     "clock 90\n"
     "= server CLOSED? path SYN_RECV;CLOSED\n"},
    {"row_23", "a fast open's child sends before the ACK: still SYN_RECV",
     "0.000 > S len=50 tfo\n"
     "0.010 < SA ack=51\n"
     "0.011 < PA len=100 ack=51\n"
     "= server SYN_RECV! path SYN_RECV\n"
     "0.020 > A\n"
     "= server ESTABLISHED? path " PATH_ACCEPT "\n"
     "0.030 < A\n"
     "= server path " PATH_ACCEPT "\n"
     "= client.bytes 50\n"
     "= server.bytes 100\n"},
    {"row_24", "split handshake: the SYN+ACK in two halves",
     "0.000 > S\n"
     "0.010 < A seq=0 ack=1\n"
     "= server may SYN_RECV\n"
     "0.011 < S\n"
     "= server SYN_RECV\n"
     "0.020 > SA seq=0 ack=1\n"
     "= client SYN_RECV! path SYN_SENT;SYN_RECV\n"
     "0.030 < A\n"
     "= client ESTABLISHED path SYN_SENT;SYN_RECV;ESTABLISHED\n"
     "= server ESTABLISHED!\n"
     "= server_syn_bare 1\n"
     "= client_synack 1\n"},
    {"row_25", "a FIN is sent by FIN_WAIT1",
     CLIENT_FIN "= client FIN_WAIT1! path " PATH_OPEN ";FIN_WAIT1\n"
                "= mark 6 FIN copy=1\n"
                "= first_fin 0\n"
                "= client.fin_count 1\n"},
    {"row_26", "a FIN that passed in order: CLOSE_WAIT, if it arrived",
     CLIENT_FIN "= server CLOSE_WAIT? may ESTABLISHED path " PATH_ACCEPT ";CLOSE_WAIT\n"},
    {"row_26", "a FIN out of order waits for the hole",
     TALK "0.100 > FA seq=201\n"
          "= server ESTABLISHED not CLOSE_WAIT\n"
          "0.101 > PA seq=101 len=100\n"
          "= server CLOSE_WAIT\n"},
    {"row_27", "the acknowledgment of the FIN proves it",
     HALF "= server CLOSE_WAIT! not ESTABLISHED path " PATH_ACCEPT ";CLOSE_WAIT at 6 CLOSE_WAIT\n"
          "= mark 7 FIN_ACK\n"
          "= client.fin_acked_by_peer 1\n"},
    {"row_28", "FIN and acknowledgment in one: through CLOSE_WAIT to LAST_ACK",
     CLIENT_FIN "0.110 < FA\n"
                "= server LAST_ACK! path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK\n"
                "= mark 7 FIN,FIN_ACK\n"},
    {"row_29", "FIN acknowledged: FIN_WAIT2, if the ACK arrived",
     HALF "= client FIN_WAIT2? may FIN_WAIT1 path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2\n"},
    {"row_30", "FIN again is a rung",
     CLIENT_FIN "0.320 > FA seq=101\n"
                "= client FIN_WAIT1! path " PATH_OPEN ";FIN_WAIT1\n"
                "= client.fin_count 2\n"
                "= mark 7 FIN copy=2\n"
                "= client.bytes 100\n"
                "= client.retx_pkts 0\n"},
    {"row_31", "FIN that acknowledges no FIN: CLOSING, if it arrived",
     CROSS "= client CLOSING? may FIN_WAIT1\n"
           "= server may FIN_WAIT1\n"},
    {"row_31", "its acknowledgment before the own FIN is acknowledged proves CLOSING",
     CROSS "0.110 > A ack=2\n"
           "= client CLOSING! not FIN_WAIT1 path " PATH_OPEN ";FIN_WAIT1;CLOSING at 7 CLOSING\n"
           "= mark 8 FIN_ACK\n"},
    {"row_32", "FIN that acknowledges the FIN: TIME_WAIT, no dwell in FIN_WAIT2 (the ACK is handled first)",
     CLIENT_FIN "0.110 < FA\n"
                "= client TIME_WAIT? may FIN_WAIT1 path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"
                "= client at 6 FIN_WAIT1 at 7 TIME_WAIT\n"
                "0.120 > A\n"
                "= client TIME_WAIT! not FIN_WAIT1 path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"},
    {"row_33", "data after close, FIN not yet acknowledged: reset",
     CLIENT_FIN "0.105 < PA len=50 ack=101\n"
                "= mark 7 LATE_DATA\n"
                "0.115 > R seq=101\n"
                "= client CLOSED! path " PATH_OPEN ";FIN_WAIT1;CLOSED\n"
                "= mark 7 LATE_DATA,TRIGGER\n"
                "= mark 8 RST fit=exact\n"},
    {"row_34", "FIN_WAIT2 and a FIN: TIME_WAIT, proved by its ACK",
     BOTH_FIN "= client TIME_WAIT? may FIN_WAIT1|FIN_WAIT2\n"
              "0.130 > A\n"
              "= client TIME_WAIT! not FIN_WAIT2 path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"
              "= mark 9 FIN_ACK\n"},
    {"row_35", "half-close in use",
     HALF "0.200 < PA len=100\n"
          "0.210 > A\n"
          "= client FIN_WAIT2! not FIN_WAIT1\n"
          "= mark 8 LATE_DATA,FIRST_DATA\n"
          "= server CLOSE_WAIT!\n"},
    {"row_36", "data to an orphan in FIN_WAIT2: reset",
     HALF "0.200 < PA len=100\n"
          "0.210 > R seq=102\n"
          "= client CLOSED! path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;CLOSED\n"
          "= server CLOSED? path " PATH_ACCEPT ";CLOSE_WAIT;CLOSED\n"
          "= mark 8 LATE_DATA,TRIGGER\n"
          "= mark 9 RST fit=exact\n"},
    {"row_37", "its expiry shows when the late FIN finds no socket: that FIN moved nobody",
     HALF "7.000 < FA\n"
          "7.010 > R seq=102\n"
          "= client CLOSED! path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;CLOSED\n"
          "= mark 8 FIN,TRIGGER\n"
          "= server CLOSED? path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK;CLOSED\n"},
    {"row_37", "an orphan's FIN_WAIT2 ends in silence",
     HALF "clock 59\n"
          "= client FIN_WAIT2\n"
          "clock 75\n"
          "= client CLOSED? path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;CLOSED\n"},
    {"row_38", "CLOSING and the acknowledgment of the FIN: TIME_WAIT",
     CROSS "0.110 > A ack=2\n"
           "0.111 < A seq=2 ack=102\n"
           "= client TIME_WAIT path " PATH_OPEN ";FIN_WAIT1;CLOSING;TIME_WAIT\n"},
    {"row_39", "CLOSE_WAIT sends data",
     HALF "0.200 < PA len=100\n"
          "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT\n"
          "= server.bytes 100\n"},
    {"row_40", "CLOSE_WAIT sends its FIN",
     BOTH_FIN "= server LAST_ACK! path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK at 7 CLOSE_WAIT\n"},
    {"row_41", "the last ACK passed: closed, if it arrived",
     OVER "= server CLOSED? may LAST_ACK path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK;CLOSED\n"},
    {"row_42", "FIN again: the last ACK never arrived",
     OVER "0.330 < FA seq=1 ack=102\n"
          "= server LAST_ACK! not CLOSED path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK at 9 LAST_ACK\n"
          "= server.fin_count 2\n"
          "= mark 10 FIN copy=2\n"
          "= client TIME_WAIT\n"
          "0.340 > A seq=102 ack=2 id=0\n"
          "= server CLOSED? path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK;CLOSED\n"
          "= mark 11 FIN_ACK\n"},
    {"row_43", "LAST_ACK given up in silence",
     BOTH_FIN "0.330 < FA seq=1\n"
              "0.760 < FA seq=1\n"
              "1.600 < FA seq=1\n"
              "clock 2\n"
              "= server LAST_ACK\n"
              "clock 2000\n"
              "= server CLOSED? path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK;CLOSED\n"},
    {"row_43", "FIN_WAIT1 given up in silence",
     CLIENT_FIN "0.310 > FA seq=101\n"
                "0.740 > FA seq=101\n"
                "1.600 > FA seq=101\n"
                "clock 2\n"
                "= client FIN_WAIT1\n"
                "clock 2000\n"
                "= client CLOSED? path " PATH_OPEN ";FIN_WAIT1;CLOSED\n"},
    {"row_43", "CLOSING given up in silence",
     CROSS "0.110 > A ack=2\n"
           "0.330 > FA seq=101 ack=2\n"
           "0.760 > FA seq=101 ack=2\n"
           "1.600 > FA seq=101 ack=2\n"
           "clock 2\n"
           "= client CLOSING\n"
           "clock 2000\n"
           "= client CLOSED? path " PATH_OPEN ";FIN_WAIT1;CLOSING;CLOSED\n"},
    {"row_44", "FIN again in TIME_WAIT is acknowledged again, and restarts the clock",
     OVER "30.000 < FA seq=1 ack=102\n"
          "= mark 10 FIN,IN_TIME_WAIT receiver=TIME_WAIT\n"
          "30.001 > A seq=102 ack=2 id=0\n"
          "= client TIME_WAIT!\n"
          "clock 80\n"
          "= client TIME_WAIT\n"
          "clock 110\n"
          "= client CLOSED? path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT;CLOSED\n"},
    {"row_45", "data to TIME_WAIT draws an ACK, no reset",
     OVER "1.000 < PA seq=1 len=50 ack=102 forged\n"
          "1.010 > A seq=102 ack=2 id=0\n"
          "= client TIME_WAIT path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"
          "= mark 10 IN_TIME_WAIT\n"},
    {"row_46", "an exact RST kills TIME_WAIT",
     OVER "1.000 < R seq=2\n"
          "= client CLOSED? path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT;CLOSED\n"
          "= mark 10 RST,IN_TIME_WAIT fit=exact\n"},
    {"row_46", "an inexact one does not",
     OVER "1.000 < R seq=12\n"
          "= client TIME_WAIT! not CLOSED\n"},
    {"row_46", "nor an exact one with an old timestamp",
     OVER "1.000 < RA seq=2 ack=102 tsval=20\n"
          "= client TIME_WAIT! not CLOSED\n"},
    {"row_47", "a new incarnation on the tuple begins like any other",
     "0.000 > S\n"
     "0.010 < SA\n"
     "= client ESTABLISHED? path " PATH_OPEN "\n"
     "= server SYN_RECV! path SYN_RECV\n"},
    {"row_48", "an ACK with old numbers answers the SYN: evidence, and nobody moves",
     "0.000 > S\n"
     "0.010 < A seq=9000 ack=-7000 id=0 witness\n"
     "= client SYN_SENT! path SYN_SENT\n"
     "= mark 2 CHALLENGE witness side=server\n"
     "1.000 > S\n"
     "= client SYN_SENT! path SYN_SENT\n"
     "= client.syn_count 2\n"},
    {"row_48", "the old incarnation stays in TIME_WAIT and says so",
     OVER "5.000 > A seq=102 ack=2 id=0\n"
          "= client TIME_WAIT\n"},
    {"row_49", "TIME_WAIT ends after a minute",
     OVER "clock 59\n"
          "= client TIME_WAIT!\n"
          "clock 75\n"
          "= client CLOSED? path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT;CLOSED\n"},
    {"row_50", "who reconnects from TIME_WAIT starts at SYN_SENT",
     "0.000 > S\n"
     "= client SYN_SENT! path SYN_SENT\n"},
    {"row_51", "a SYN in a synchronized state moves nothing and is challenged",
     TALK "0.500 > S forged\n"
          "= server ESTABLISHED! path " PATH_ACCEPT "\n"
          "0.510 < A seq=1 ack=101\n"
          "= server ESTABLISHED! path " PATH_ACCEPT "\n"
          "= mark 7 CHALLENGE side=server\n"
          "= client ESTABLISHED path " PATH_OPEN "\n"},
    {"row_52", "a valid RST closes, if it arrived",
     TALK "0.500 < RA\n"
          "= server CLOSED! path " PATH_ACCEPT ";CLOSED\n"
          "= client CLOSED? may ESTABLISHED path " PATH_OPEN ";CLOSED\n"
          "= mark 6 RST fit=exact\n"
          "= first_rst 1\n"},
    {"row_53", "an active reset from CLOSE_WAIT",
     HALF "0.500 < RA\n"
          "= server CLOSED! path " PATH_ACCEPT ";CLOSE_WAIT;CLOSED\n"},
    {"row_53", "an active reset from FIN_WAIT2",
     HALF "0.500 > RA\n"
          "= client CLOSED! path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;CLOSED\n"},
    {"row_53", "an active reset by the server before anything else: the child existed",
     OPEN "1.000 < RA\n"
          "= server CLOSED! path " PATH_ACCEPT ";CLOSED at 3 ESTABLISHED\n"
          "= child_proved 1\n"
          "= client CLOSED? path " PATH_OPEN ";CLOSED\n"},
    {"row_53", "an active reset from LAST_ACK",
     BOTH_FIN "0.500 < RA\n"
              "= server CLOSED! path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK;CLOSED\n"},
    {"row_54", "retransmissions given up in silence",
     TALK "1.000 > PA len=50\n"
          "1.210 > PA seq=101 len=50\n"
          "1.630 > PA seq=101 len=50\n"
          "2.470 > PA seq=101 len=50\n"
          "4.200 > PA seq=101 len=50\n"
          "7.700 > PA seq=101 len=50\n"
          "14.700 > PA seq=101 len=50\n"
          "clock 20\n"
          "= client ESTABLISHED\n"
          "clock 4000\n"
          "= client CLOSED? path " PATH_OPEN ";CLOSED\n"},
    {"row_54", "an idle connection has nothing to give up",
     TALK "clock 1000000\n"
          "= client ESTABLISHED! path " PATH_OPEN "\n"
          "= server ESTABLISHED! path " PATH_ACCEPT "\n"},
    {"row_55", "the capture began in the middle",
     "flow middle\n"
     "0.000 > PA len=100\n"
     "= client ESTABLISHED? path ESTABLISHED\n"
     "0.010 < A\n"
     "= server ESTABLISHED? path ESTABLISHED\n"
     "0.020 < PA len=10\n"
     "= client ESTABLISHED!\n"
     "0.030 > PA len=10\n"
     "= server ESTABLISHED!\n"
     "= client.wscale_known 0\n"
     "= client.bytes 110\n"},
    {"row_56", "the capture began before the close",
     "flow middle\n"
     "0.000 > FA\n"
     "= client FIN_WAIT1?\n"
     "0.010 < A\n"
     "= client FIN_WAIT2?\n"
     "= server CLOSE_WAIT?\n"
     "0.020 < FA\n"
     "= server LAST_ACK?\n"
     "0.030 > A\n"
     "= client TIME_WAIT? at 1 FIN_WAIT1 at 2 FIN_WAIT2 at 3 TIME_WAIT\n"
     "= server CLOSED?\n"},
    {"row_56", "the capture began between the FINs",
     "flow middle\n"
     "0.000 < FA\n"
     "= server FIN_WAIT1?\n"
     "0.010 > A\n"
     "= client CLOSE_WAIT|TIME_WAIT\n"},
    {"row_57", "closed: what arrives is answered by a reset",
     TALK "0.500 < RA lost\n"
          "1.000 > PA len=10\n"
          "1.010 < R seq=1\n"
          "= server CLOSED! path " PATH_ACCEPT ";CLOSED\n"
          "= server.rst_count 2\n"
          "= client CLOSED?\n"},
    {"row_58", "closed: a reset is never answered",
     TALK "0.500 < RA\n"
          "0.510 > R seq=101\n"
          "= server CLOSED! path " PATH_ACCEPT ";CLOSED\n"
          "= client CLOSED! path " PATH_OPEN ";CLOSED\n"},
};

/* ---- RFC 9293 figures 6 to 13, step by step ---- */

static const struct script_row figures[] = {
    {"figure_06", "basic three-way handshake",
     "0.000 > S\n"
     "= client SYN_SENT!\n"
     "0.010 < SA\n"
     "= server SYN_RECV!\n"
     "= client ESTABLISHED?\n"
     "0.020 > A\n"
     "= client ESTABLISHED!\n"
     "= server ESTABLISHED?\n"
     "0.021 > PA len=10\n"
     "0.031 < A\n"
     "= client path " PATH_OPEN "\n"
     "= server ESTABLISHED! path " PATH_ACCEPT "\n"},
    {"figure_07", "simultaneous open",
     "0.000 > S\n"
     "0.001 < S\n"
     "0.010 > SA seq=0 ack=1\n"
     "0.011 < SA seq=0 ack=1\n"
     "= client ESTABLISHED? may SYN_RECV\n"
     "= server ESTABLISHED? may SYN_RECV\n"
     "0.020 > A\n"
     "0.021 < A\n"
     "= client ESTABLISHED! path SYN_SENT;SYN_RECV;ESTABLISHED\n"
     "= server ESTABLISHED! path SYN_SENT;SYN_RECV;ESTABLISHED\n"
     "= client_synack 1\n"
     "= server_syn_bare 1\n"},
    {"figure_07", "simultaneous open, one SYN lost: only the other side's SYN+ACK is needed",
     "0.000 > S lost\n"
     "0.101 < S\n"
     "0.110 > SA seq=0 ack=1\n"
     "= client SYN_RECV! path SYN_SENT;SYN_RECV\n"
     "0.120 < A seq=1 ack=1\n"
     "= client ESTABLISHED path SYN_SENT;SYN_RECV;ESTABLISHED\n"
     "= server ESTABLISHED!\n"},
    {"figure_07", "a reset during a simultaneous open: nobody listens there, so CLOSED",
     "0.000 > S\n"
     "0.001 < S\n"
     "0.010 > SA seq=0 ack=1\n"
     "0.020 < R seq=1\n"
     "= client CLOSED? not LISTEN path SYN_SENT;SYN_RECV;CLOSED\n"},
    {"figure_08", "recovery from an old duplicate SYN",
     "0.000 > S\n"
     "0.010 < SA ack=-9\n"
     "= client SYN_SENT not ESTABLISHED\n"
     "0.020 > R seq=-9\n"
     "= client SYN_SENT!\n"
     "= server may LISTEN|CLOSED\n"
     "0.021 > S\n"
     "0.031 < SA seq=0 ack=1\n"
     "= client ESTABLISHED?\n"
     "0.041 > A seq=1 ack=1\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"
     "= server ESTABLISHED?\n"},
    {"figure_08", "the same, each SYN+ACK with an ISN of its own",
     "0.000 > S\n"
     "0.010 < SA seq=-1000 ack=-9\n"
     "0.020 > R seq=-9\n"
     "0.021 > S\n"
     "0.031 < SA seq=0 ack=1\n"
     "0.041 > A seq=1 ack=1\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"
     "= server ESTABLISHED?\n"
     "0.051 < PA len=10 ack=1\n"
     "0.061 > A\n"
     "finish\n"
     "= server ESTABLISHED!\n"
     "= server.bytes 10\n"
     "= server.missed_bytes 0\n"},
    {"figure_09", "half-open connection discovered: the old incarnation's view",
     TALK "300.000 < A seq=1 ack=101\n"
          "= server ESTABLISHED!\n"
          "300.010 > R seq=101\n"
          "= server CLOSED? path " PATH_ACCEPT ";CLOSED\n"
          "= mark 7 RST fit=exact\n"
          "= mark 6 TRIGGER\n"},
    {"figure_09", "half-open connection discovered: the new incarnation's view",
     "0.000 > S\n"
     "0.010 < A seq=-5000 ack=-7000 witness\n"
     "0.020 > R seq=-7000 witness\n"
     "= client SYN_SENT! path SYN_SENT\n"
     "= mark 2 CHALLENGE witness\n"
     "0.040 > S\n"
     "0.050 < SA\n"
     "0.060 > A\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"
     "= server ESTABLISHED? path " PATH_ACCEPT "\n"},
    {"figure_10", "the living side discovers the half-open connection",
     TALK "300.000 < PA len=10\n"
          "300.010 > R seq=101\n"
          "= client CLOSED!\n"
          "= server CLOSED? path " PATH_ACCEPT ";CLOSED\n"
          "= mark 6 TRIGGER,FIRST_DATA\n"
          "= mark 7 RST fit=exact\n"},
    {"figure_11", "an old duplicate SYN between two listeners",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > R seq=1\n"
     "= server LISTEN|CLOSED? path SYN_RECV;LISTEN|CLOSED\n"
     "= client CLOSED|LISTEN path SYN_SENT;CLOSED|LISTEN not ESTABLISHED\n"},
    {"figure_12", "normal close",
     CLIENT_FIN "= client FIN_WAIT1!\n"
                "= server CLOSE_WAIT?\n"
                "0.110 < A\n"
                "= client FIN_WAIT2?\n"
                "= server CLOSE_WAIT!\n"
                "0.120 < FA\n"
                "= client TIME_WAIT?\n"
                "= server LAST_ACK!\n"
                "0.130 > A\n"
                "= client TIME_WAIT!\n"
                "= server CLOSED?\n"
                "clock 100\n"
                "= client CLOSED path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT;CLOSED\n"
                "= server CLOSED path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK;CLOSED\n"},
    {"figure_12", "normal close from the server's side",
     TALK "0.100 < FA\n"
          "= server FIN_WAIT1!\n"
          "0.110 > A\n"
          "= client CLOSE_WAIT!\n"
          "0.120 > FA\n"
          "0.130 < A\n"
          "= server TIME_WAIT! path " PATH_ACCEPT ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"
          "= client CLOSED? path " PATH_OPEN ";CLOSE_WAIT;LAST_ACK;CLOSED\n"},
    {"figure_13", "simultaneous close: both pass through CLOSING",
     CROSS "0.110 > A seq=102 ack=2\n"
           "= client CLOSING!\n"
           "0.111 < A seq=2 ack=102\n"
           "= client TIME_WAIT path " PATH_OPEN ";FIN_WAIT1;CLOSING;TIME_WAIT\n"
           "= server TIME_WAIT path " PATH_ACCEPT ";FIN_WAIT1;CLOSING;TIME_WAIT\n"
           "clock 100\n"
           "= client CLOSED path " PATH_OPEN ";FIN_WAIT1;CLOSING;TIME_WAIT;CLOSED\n"
           "= server CLOSED path " PATH_ACCEPT ";FIN_WAIT1;CLOSING;TIME_WAIT;CLOSED\n"},
};

/* ---- two readings, and what decides ---- */

static const struct script_row hypotheses[] = {
    {"H1_queue_full", "three rungs, ACKs and data ignored, then the newest ACK makes the child",
     OPEN "0.030 > PA len=100 lost\n"       /* 4 */
          "0.240 > PA seq=1 len=100 lost\n" /* 5 */
          "1.020 < SA\n"                    /* 6: 3, 4 and 5 were ignored */
          "= server SYN_RECV! path SYN_RECV\n"
          "1.030 > A\n" /* 7 */
          "= server may ESTABLISHED may SYN_RECV\n"
          "1.640 > PA seq=1 len=100 lost\n" /* 8 */
          "3.050 < SA\n"                    /* 9: 7 and 8 as well */
          "= server SYN_RECV! path SYN_RECV at 7 SYN_RECV at 8 SYN_RECV\n"
          "3.060 > A\n"                        /* 10: makes it */
          "4.000 < PA len=10 ack=1 tsecr=10\n" /* 11 */
          "= server ESTABLISHED! path " PATH_ACCEPT " at 9 SYN_RECV at 10 ESTABLISHED\n"
          "= child_frame 10\n"
          "= first_ack_frame 3\n"
          "= ack_ignored_count 5\n"
          "= client path " PATH_OPEN "\n"
          "= server.synack_count 3\n"},
    {"H1_silent_child", "TSecr names the segment that made the child: the re-ACK, not the data",
     OPEN "1.020 < SA\n"                      /* 4 */
          "1.030 > A\n"                       /* 5: makes it, silently */
          "4.000 < PA len=10 ack=1 tsecr=5\n" /* 6 */
          "= server ESTABLISHED! path " PATH_ACCEPT " at 4 SYN_RECV at 5 ESTABLISHED\n"
          "= child_frame 5\n"
          "= ack_ignored_count 1\n"},
    {"H1_missing_rung", "the ladder stopped with tries left: the re-ACK was taken, silently",
     OPEN "1.020 < SA\n"
          "1.030 > A\n"
          "clock 80\n"
          "= server ESTABLISHED? path " PATH_ACCEPT " at 4 SYN_RECV at 5 ESTABLISHED\n"},
    {"H1_in_vain", "the ladder stopped, and payload found nobody: the request is gone, there was no child",
     OPEN "1.020 < SA\n"
          "1.030 > A\n"
          "2.000 > PA len=100\n"
          "2.210 > PA seq=1 len=100\n"
          "2.630 > PA seq=1 len=100\n"
          "3.470 > PA seq=1 len=100\n"
          "5.150 > PA seq=1 len=100\n"
          "clock 80\n"
          "= server CLOSED? path SYN_RECV;CLOSED\n"},
    {"H1_deferred", "one SYN+ACK after 7 s, re-ACKed, quiet: deferred, then accepted",
     OPEN "7.230 < SA\n"
          "= server SYN_RECV! path SYN_RECV\n"
          "7.240 > A\n"
          "clock 80\n"
          "= server ESTABLISHED? path " PATH_ACCEPT " at 4 SYN_RECV at 5 ESTABLISHED\n"},
    {"H1_no_timestamps", "without TSecr the first segment after the last rung made it",
     "flow nots\n" OPEN "1.020 < SA\n" /* 4 */
     "1.030 > A\n"                     /* 5 */
     "4.000 < PA len=10 ack=1\n"
     "= server ESTABLISHED! path " PATH_ACCEPT " at 4 SYN_RECV at 5 ESTABLISHED\n"
     "= child_frame 5\n"
     "= ack_ignored_count 1\n"},
    {"H1_fin_makes_child",
     "the FIN makes the child, which tells of the hole before it: a request keeps nothing",
     "flow nots\n" OPEN "0.030 > PA len=100 lost\n" /* 4 */
     "1.020 < SA\n"                                 /* 5 */
     "1.030 > A seq=101 lost\n"                     /* 6 */
     "1.040 > PA seq=1 len=100 lost\n"              /* 7 */
     "1.500 > FA seq=101\n"                         /* 8 */
     "1.501 < A seq=1 ack=1 id=0 sack=101-102\n"    /* 9 */
     "= server ESTABLISHED! path " PATH_ACCEPT " at 8 ESTABLISHED at 9 ESTABLISHED\n"
     "1.700 > PA seq=1 len=100\n" /* 10 */
     "1.710 < A ack=102\n"
     "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT at 9 ESTABLISHED at 10 CLOSE_WAIT\n"
     "= ack_ignored_count 4\n"},
    {"H1_healthy", "an ACK that was taken is not ignored",
     TALK "= ack_ignored_count 0\n"
          "= open_refuted 0\n"
          "= child_frame 3\n"
          "= server at 3 ESTABLISHED\n"},
    {"H1_undecided", "nothing contradicts the ACK: nothing was ignored",
     OPEN "clock 80\n"
          "= server ESTABLISHED? may SYN_RECV\n"
          "= ack_ignored_count 0\n"},
    {"H1_client_fin", "the client gave up and sent FIN; SYN+ACK again refutes all of it",
     OPEN "0.500 > FA lost\n"
          "= client FIN_WAIT1!\n"
          "1.020 < SA\n"
          "= server SYN_RECV! not CLOSE_WAIT path SYN_RECV\n"
          "= client FIN_WAIT1!\n"
          "1.030 > A seq=2 ack=1\n"
          "3.050 < SA\n"
          "= server SYN_RECV! path SYN_RECV\n"
          "= ack_ignored_count 3\n"},
    {"H1_expired",
     "a segment after the request has expired is answered by a reset, and was not ignored by it",
     OPEN "1.020 < SA\n"
          "1.030 > A\n"
          "3.050 < SA\n"
          "3.060 > A\n"
          "7.240 < SA\n"
          "7.250 > A\n"
          "15.430 < SA\n"
          "15.440 > A\n"
          "31.570 < SA\n"
          "31.580 > A\n"
          "80.000 > PA len=100\n"
          "80.010 < R seq=1\n"
          "= server CLOSED! path SYN_RECV;CLOSED\n"
          "= client CLOSED? path " PATH_OPEN ";CLOSED\n"
          "= ack_ignored_count 6\n"},
    {"H2_crossing", "the repeated SYN left before the SYN+ACK arrived: still one opening",
     "0.000 > S\n"
     "0.998 < SA\n"
     "1.000 > S\n"
     "= client may SYN_SENT\n"
     "1.008 > A\n"
     "1.010 < SA\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"
     "= server ESTABLISHED? may SYN_RECV path " PATH_ACCEPT "\n"},
    {"H3_twice", "the last ACK lost twice",
     OVER "0.330 < FA seq=1 ack=102\n"
          "0.340 > A seq=102 ack=2 id=0\n"
          "= server CLOSED?\n"
          "0.760 < FA seq=1 ack=102\n"
          "= server LAST_ACK! path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK at 11 LAST_ACK\n"
          "0.770 > A seq=102 ack=2 id=0\n"
          "= server CLOSED? path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK;CLOSED at 11 LAST_ACK at 13 CLOSED\n"
          "= client TIME_WAIT! path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"},
    {"H4", "FIN again: its acknowledgment never arrived",
     HALF "0.320 > FA seq=101\n"
          "= client FIN_WAIT1! not FIN_WAIT2 path " PATH_OPEN ";FIN_WAIT1 at 7 FIN_WAIT1\n"
          "= server CLOSE_WAIT!\n"
          "0.330 < A seq=1 ack=102\n"
          "= client FIN_WAIT2? path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2 at 8 FIN_WAIT1 at 9 FIN_WAIT2\n"
          "= mark 9 FIN_ACK\n"},
    {"H4_peer_spoke", "its peer has just sent data: the acknowledgment had passed long before all the same",
     HALF "0.319 < PA len=10 lost\n"
          "0.320 > FA seq=101 ack=1\n"
          "= client FIN_WAIT1! not FIN_WAIT2 path " PATH_OPEN ";FIN_WAIT1\n"},
    {"H4_fin_and_ack_lost",
     "FIN again with the old acknowledgment: neither the FIN nor the ACK in it arrived",
     CLIENT_FIN "0.110 < FA lost\n"
                "= client TIME_WAIT?\n"
                "0.320 > FA seq=101 ack=1\n"
                "= client FIN_WAIT1! not TIME_WAIT path " PATH_OPEN ";FIN_WAIT1 at 7 FIN_WAIT1\n"},
    {"H4_carried_again",
     "the data that carried the ACK again may have been its first copy: nothing is proved",
     TALK "0.090 < PA len=50 ack=101\n"            /* 6 */
          "0.100 > FA ack=1\n"                     /* 7 */
          "0.300 < PA seq=1 len=50 ack=102 lost\n" /* 8: acknowledges the FIN, does not arrive */
          "0.301 > A seq=102 ack=51\n"             /* 9: of the first copy */
          "= client may FIN_WAIT1\n"
          "0.600 > FA seq=101 ack=51\n"
          "= client FIN_WAIT1! path " PATH_OPEN ";FIN_WAIT1\n"},
    {"H4_fin_lost", "its peer goes on without acknowledging the FIN: it never arrived",
     TALK "0.100 > FA lost\n"
          "= server CLOSE_WAIT?\n"
          "0.200 < PA len=10\n"
          "= server ESTABLISHED! not CLOSE_WAIT path " PATH_ACCEPT " at 6 ESTABLISHED\n"
          "0.320 > FA seq=101\n"
          "= server CLOSE_WAIT? path " PATH_ACCEPT ";CLOSE_WAIT at 7 ESTABLISHED at 8 CLOSE_WAIT\n"},
    {"H4_fin_crossing", "data that had left before the FIN could arrive refutes nothing",
     CLIENT_FIN "0.105 < PA len=10 ack=101\n"
                "= server CLOSE_WAIT may ESTABLISHED\n"
                "0.120 < A\n"
                "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT\n"},
    {"H5_one", "both FINs lost: looks simultaneous, yet only the client passes through CLOSING",
     TALK "0.100 > FA lost\n"          /* 6 */
          "0.101 < FA ack=101 lost\n"  /* 7 */
          "0.310 < FA seq=1 ack=101\n" /* 8: it has not got 6 */
          "= server FIN_WAIT1! not CLOSING\n"
          "0.320 > A seq=102 ack=2\n" /* 9 */
          "= client CLOSING!\n"
          "= server FIN_WAIT2\n"
          "0.321 > FA seq=101 ack=2\n" /* 10 */
          "= server TIME_WAIT\n"
          "0.330 < A seq=2 ack=102 id=0\n" /* 11 */
          "= client TIME_WAIT path " PATH_OPEN ";FIN_WAIT1;CLOSING;TIME_WAIT\n"
          "= server TIME_WAIT! path " PATH_ACCEPT ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"},
    {"H5_crossing_fin", "the later FIN acknowledges after all: no CLOSING anywhere",
     TALK "0.100 > FA lost\n"          /* 6 */
          "0.101 < FA ack=101 lost\n"  /* 7 */
          "0.310 > FA seq=101 ack=1\n" /* 8: the client has not got 7 */
          "= client FIN_WAIT1! not CLOSING\n"
          "0.320 < FA seq=1 ack=102\n" /* 9: it got 8 while its own FIN was out: CLOSING */
          "= server CLOSING! path " PATH_ACCEPT ";FIN_WAIT1;CLOSING\n"
          "= client TIME_WAIT? path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"
          "0.330 > A seq=102 ack=2\n"
          "= client TIME_WAIT! path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"
          "= server TIME_WAIT path " PATH_ACCEPT ";FIN_WAIT1;CLOSING;TIME_WAIT\n"},
    {"H5_denied",
     "a bare ACK long after does not cover the FIN that seemed to cross: only the server passes through "
     "CLOSING",
     TALK "0.100 < FA lost\n"         /* 6 */
          "0.101 > FA ack=1\n"        /* 7 */
          "0.111 < A seq=2 ack=102\n" /* 8: CLOSING at the server */
          "= server CLOSING!\n"
          "= client TIME_WAIT?\n"
          "0.300 > A seq=102 ack=1\n" /* 9: it has not got 6 */
          "= client FIN_WAIT2 not CLOSING path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2 at 8 FIN_WAIT2\n"
          "0.400 < FA seq=1 ack=102\n" /* 10 */
          "0.410 > A seq=102 ack=2\n"
          "= client TIME_WAIT! path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"
          "= server TIME_WAIT path " PATH_ACCEPT ";FIN_WAIT1;CLOSING;TIME_WAIT\n"},
    {"H4_fin_crosses",
     "FIN again before the peer's repeated FIN, with the ACK, could arrive: it may have both since",
     TALK
     "0.100 > FA\n"                    /* 6 */
     "0.101 < FA seq=1 ack=102 lost\n" /* 7 */
     "0.310 < FA seq=1 ack=102\n"      /* 8 */
     "0.315 > FA seq=101 ack=1\n"      /* 9: left before 8 came */
     "= client TIME_WAIT? path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT at 7 FIN_WAIT1 at 8 TIME_WAIT\n"
     "0.316 < A seq=2 ack=102\n"
     "0.330 > A seq=102 ack=2\n"
     "= client TIME_WAIT! path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT at 7 FIN_WAIT1 at 8 TIME_WAIT\n"},
    {"H5_unseen", "the peer's FIN is acknowledged from behind a FIN that did not pass: the two crossed",
     TALK "0.100 > FA\n" /* 6 */
          "0.105 < FA seq=1 ack=101 unseen\n"
          "0.110 < A seq=2 ack=102\n" /* 7 */
          "= server CLOSE_WAIT!\n"
          "0.310 < FA seq=1 ack=102\n" /* 8 */
          "= server CLOSING? not CLOSE_WAIT path " PATH_ACCEPT ";FIN_WAIT1;CLOSING\n"
          "0.320 > A seq=102 ack=2\n"
          "= server TIME_WAIT? path " PATH_ACCEPT ";FIN_WAIT1;CLOSING;TIME_WAIT\n"},
    {"H5_unseen_again", "the same after two copies of the peer's FIN: the ACK may have answered the second",
     TALK "0.100 > FA\n"
          "0.310 > FA seq=101\n"
          "0.320 < FA seq=1 ack=102 unseen\n"
          "0.321 < A seq=2 ack=102\n"
          "0.530 < FA seq=1 ack=102\n"
          "= server LAST_ACK! path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK\n"},
    {"H5_hole", "a FIN behind a hole that the receiver tells of moves nothing, however soon it says so",
     TALK "0.100 < PA len=100 lost\n" /* 6 */
          "0.101 < PA len=100\n"      /* 7 */
          "0.102 < FA\n"              /* 8 */
          "= client CLOSE_WAIT?\n"
          "0.109 > A ack=1 sack=101-201\n" /* 9 */
          "= client ESTABLISHED! not CLOSE_WAIT\n"
          "0.120 < PA seq=1 len=100\n" /* 10 */
          "= client CLOSE_WAIT? at 9 ESTABLISHED at 10 CLOSE_WAIT\n"
          "0.130 > A ack=202\n"
          "= client CLOSE_WAIT! at 9 ESTABLISHED at 10 CLOSE_WAIT\n"},
    {"H5_echo", "the first ACK of the FIN echoes its first copy: the second did not move its receiver",
     TALK "0.100 > FA\n" /* 6 */
          "0.110 < A seq=1 ack=102 lost unseen\n"
          "0.310 > FA seq=101\n" /* 7 */
          "0.320 < A seq=1 ack=102 tsecr=6\n"
          "= server CLOSE_WAIT! at 6 CLOSE_WAIT\n"},
    {"H5_denied_soon",
     "the same on a short path: a bare ACK after the own FIN answers something that had arrived",
     "0.0000 > S\n"
     "0.0001 < SA\n"
     "0.0003 > A\n"
     "0.0010 > PA len=10\n"
     "0.0011 < A\n"
     "0.1000 < FA lost\n"
     "0.1002 > FA ack=1\n"
     "0.1004 < A seq=2 ack=12\n"
     "0.1007 > A seq=12 ack=1\n"
     "= client FIN_WAIT2 not CLOSING path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2\n"
     "= server CLOSING! path " PATH_ACCEPT ";FIN_WAIT1;CLOSING\n"},
    {"H6_uncovered", "an active reset does not cover the FIN on its way: it was made before that came",
     TALK "0.100 < FA lost\n"
          "0.105 > RA seq=101 ack=1\n"
          "= client CLOSED! path " PATH_OPEN ";CLOSED\n"},
    {"H6_covered", "the same, and it does",
     TALK "0.100 < FA\n"
          "0.120 > RA seq=101 ack=2\n"
          "= client CLOSED! path " PATH_OPEN ";CLOSE_WAIT;CLOSED\n"},
    {"H6_alive", "new data after a reset: it never arrived, or was not believed",
     TALK "0.500 < RA lost\n"
          "= client CLOSED?\n"
          "2.500 > PA len=10\n"
          "= client ESTABLISHED! not CLOSED path " PATH_OPEN " at 6 ESTABLISHED\n"},
    {"H6_challenge", "a challenge ACK after a reset: its receiver lives",
     TALK "0.500 < RA\n"
          "0.530 > A seq=101 ack=1\n"
          "= client ESTABLISHED! not CLOSED path " PATH_OPEN "\n"},
    {"H6_forged", "its sender goes on normally: the reset was not its own",
     TALK "0.500 < RA forged ttl=60\n"
          "= server CLOSED?\n"
          "2.000 < PA len=10\n"
          "= server ESTABLISHED! path " PATH_ACCEPT " at 6 ESTABLISHED\n"
          "= mark 7 AFTER_RST side=server\n"},
    {"H6_time_wait", "TIME_WAIT answers after an exact reset: it did not believe it",
     OVER "1.000 < R seq=2\n"
          "= client CLOSED?\n"
          "2.000 < FA seq=1 ack=102 forged\n"
          "2.010 > A seq=102 ack=2 id=0\n"
          "= client TIME_WAIT path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT at 10 TIME_WAIT\n"},
    {"H7_witness", "a witness moves neither side and is no rung",
     "0.000 > S\n"
     "0.010 < A seq=9000 ack=-7000 witness\n"
     "= client SYN_SENT!\n"
     "= server not ESTABLISHED\n"
     "1.000 > S\n"
     "1.010 < A seq=9000 ack=-7000 witness\n"
     "= client SYN_SENT! path SYN_SENT\n"
     "= server.synack_count 0\n"
     "= ack_ignored_count 0\n"},
    {"H8_silence", "silence after a handshake kills nobody",
     TALK "clock 90000\n"
          "= client ESTABLISHED!\n"
          "= server ESTABLISHED!\n"},
    {"H8_close_wait", "CLOSE_WAIT has no clock",
     HALF "clock 90000\n"
          "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT\n"},
};

/* ---- what a real kernel taught ---- */

/* Each of these is a disagreement that the lab's comparison with the kernel's own record had shown (docs/agreement.md),
 * and beside it, where there is one, the timeline that differs in one thing only. */
static const struct script_row laboratory[] = {
    {"fin_copy", "the network's second copy of a FIN: same time stamp, nobody sent it again",
     OVER "1.130 < FA seq=1 ack=102 tsval=120\n" /* 10 */
          "= server CLOSED path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK;CLOSED\n"
          "= server.fin_count 1\n"},
    {"fin_repeat", "a FIN that is sent again: the last ACK had not arrived",
     OVER "1.130 < FA seq=1 ack=102\n"
          "= server LAST_ACK\n"
          "= server.fin_count 2\n"},
    {"dsack_of_fin", "a D-SACK in answer to the second FIN: the first had arrived",
     TALK "0.100 > FA\n"         /* 6 */
          "0.310 > FA seq=101\n" /* 7 */
          "0.320 < A ack=102 sack=101-102\n"
          "= server CLOSE_WAIT! at 6 CLOSE_WAIT\n"},
    {"no_dsack_of_fin", "without it the second one counts",
     TALK "0.100 > FA\n"
          "0.310 > FA seq=101\n"
          "0.320 < A ack=102\n"
          "= server CLOSE_WAIT! at 7 CLOSE_WAIT\n"},
    {"abort_on_data", "closed, then data: the reset answers the data, and the FIN behind it was never taken",
     TALK "0.100 > FA\n"                /* 6 */
          "0.101 < PA len=10 ack=101\n" /* 7: left before 6 arrived */
          "0.102 < FA seq=11 ack=101\n" /* 8 */
          "0.113 > R seq=101\n"         /* 9 */
          "= client CLOSED! path " PATH_OPEN ";FIN_WAIT1;CLOSED\n"},
    {"reset_on_the_way", "a reset that comes back sooner than its sender is away: somebody else made it",
     TALK "0.500 < PA len=10\n" /* 6 */
          "0.5001 > R seq=101 forged\n"
          "= client ESTABLISHED\n"
          "= server CLOSED?\n"},
    {"reset_from_there", "after the time of the path it may be the client's own",
     TALK "0.500 < PA len=10\n"
          "0.511 > R seq=101\n"
          "= client CLOSED!\n"},
    {"reset_behind_data",
     "a reset with an older number, behind data and FIN that are on their way: it will not fit",
     TALK "0.100 < PA len=10\n" /* 6 */
          "0.101 < FA seq=11\n" /* 7 */
          "0.102 < R seq=1\n"   /* 8 */
          "= client CLOSE_WAIT? not CLOSED\n"},
    {"ack_after_fin", "its ACK of the peer's FIN leaves before the ACK of its own could arrive: CLOSING",
     TALK "0.1000 < FA\n"              /* 6 */
          "0.1105 > FA ack=1\n"        /* 7 */
          "0.1106 < A seq=2 ack=102\n" /* 8 */
          "0.1107 > A seq=102 ack=2\n" /* 9 */
          "= client TIME_WAIT path " PATH_OPEN ";FIN_WAIT1;CLOSING;TIME_WAIT\n"},
    {"child_by_repeat",
     "near the server: payload without an answer was refused, and its repetition made the child",
     "0.0000 > S\n"
     "0.0001 < SA\n"
     "0.0100 > A\n"               /* 3 */
     "0.0101 > PA len=10\n"       /* 4 */
     "0.2200 > PA len=10 seq=1\n" /* 5 */
     "0.2201 < A\n"
     "= server ESTABLISHED! at 5 ESTABLISHED\n"},
    {"child_by_ack", "a delayed acknowledgment refuses nothing",
     "0.0000 > S\n"
     "0.0001 < SA\n"
     "0.0100 > A\n"
     "0.0101 > PA len=10\n"
     "0.0520 < A\n"
     "= server ESTABLISHED! at 3 ESTABLISHED\n"},
    {"syn_meets_error",
     "a SYN that was under way when the ICMP error passed does not say that it was ignored",
     "0.000 > S\n"
     "0.010 icmp 3 1 >\n"
     "0.050 > S\n"
     "= client CLOSED\n"
     "1.050 > S\n"
     "= client SYN_SENT\n"},
    {"bad_ack_of_request", "a request answers an ACK that is none of its own by a reset, and stays",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > A seq=1 ack=500 forged\n"
     "0.021 < R seq=500\n"
     "= server SYN_RECV path SYN_RECV\n"},
    {"reset_before_answer", "the client resets its SYN before the answer can have come: the request meets it",
     "0.000 > S\n"       /* 1 */
     "0.002 > R seq=1\n" /* 2 */
     "0.010 < SA\n"      /* 3 */
     "= server LISTEN? path SYN_RECV;LISTEN\n"},
    {"reset_never_came", "the request repeats its answer: that reset was lost",
     "0.000 > S\n"
     "0.002 > R seq=1\n"
     "0.010 < SA\n"
     "1.010 < SA\n"
     "= server SYN_RECV\n"},
    {"reset_challenged",
     "after the reset the same ACK once more: the data before it was lost, it was not accepted",
     TALK "0.100 < A\n"              /* 6 */
          "0.200 > PA len=10 lost\n" /* 7 */
          "0.2001 > RA seq=111\n"    /* 8 */
          "= server CLOSED?\n"
          "0.2101 < A\n" /* 9 */
          "= server ESTABLISHED\n"
          "0.2102 > R seq=101\n" /* 10 */
          "= server CLOSED? at 10 CLOSED\n"},
    {"fin_unseen_peer", "begun in the middle: whether this FIN is the first or the second is not certain",
     "flow middle\n"
     "0.000 > A\n"
     "0.100 > FA\n"
     "= client FIN_WAIT1?\n"},
};

/* ---- clocks: never before the deadline, and not surely before an eighth and 0.1 s more ---- */

static const struct script_row clocks[] = {
    {"time_wait", "60 s from the ACK of the FIN, up to 67.6 s",
     OVER "clock 60.1\n"
          "= client TIME_WAIT! not ESTABLISHED\n"
          "clock 67.6\n"
          "= client TIME_WAIT!\n"
          "clock 67.9\n"
          "= client CLOSED?\n"},
    {"time_wait_at", "the clock's step comes after the last frame, not with it",
     OVER "clock 100\n"
          "= client CLOSED? at 8 TIME_WAIT at 9 TIME_WAIT\n"},
    {"time_wait_assumed", "the clock runs for an assumed TIME_WAIT as well",
     CLIENT_FIN "0.110 < FA\n"
                "clock 60\n"
                "= client TIME_WAIT?\n"
                "clock 80\n"
                "= client CLOSED?\n"},
    {"time_wait_bare_ack", "an in-order bare ACK restarts TIME_WAIT",
     OVER "30.000 < A seq=2 ack=102\n"
          "clock 80\n"
          "= client TIME_WAIT\n"
          "clock 100\n"
          "= client CLOSED?\n"},
    {"fin_wait2", "60 s from the acknowledgment, up to 67.6 s",
     HALF "clock 60\n"
          "= client FIN_WAIT2\n"
          "clock 67.5\n"
          "= client FIN_WAIT2\n"
          "clock 68\n"
          "= client CLOSED?\n"
          "= server CLOSE_WAIT!\n"},
    {"fin_wait2_used", "a half-close in use is no orphan",
     HALF "30.000 < PA len=100\n"
          "30.010 > A\n"
          "clock 80\n"
          "= client FIN_WAIT2!\n"},
    {"fin_wait2_alive", "its FIN came after the minute and was acknowledged: it had not expired",
     HALF "90.000 < FA\n"
          "90.010 > A\n"
          "= client TIME_WAIT! path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"
          "= server CLOSED?\n"},
    {"fin_wait2_late", "the same, after the clocks had been asked",
     HALF "clock 90\n"
          "= client CLOSED?\n"
          "90.000 < FA\n"
          "90.010 > A\n"
          "= client TIME_WAIT! path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;TIME_WAIT\n"},
    {"syn_recv", "63 s from the first SYN+ACK, up to 71 s",
     "0.000 > S\n"
     "0.010 < SA\n"
     "clock 63\n"
     "= server SYN_RECV!\n"
     "clock 70.9\n"
     "= server SYN_RECV!\n"
     "clock 80\n"
     "= server CLOSED? path SYN_RECV;CLOSED\n"},
    {"syn_recv_deferred",
     "TCP_DEFER_ACCEPT left out the first rung: the wait after the second is a second longer than that took",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > A\n"
     "0.021 > PA len=10\n"
     "3.050 < SA\n"
     "3.060 > A\n"
     "3.500 > PA seq=1 len=10\n"
     "= open_refuted 1\n"
     "clock 6.9\n"
     "= server may SYN_RECV\n"
     "7.600 < R seq=1\n"
     "= server CLOSED! path SYN_RECV;CLOSED\n"},
    {"syn_recv_quick_answer",
     "two SYN+ACKs close together are no rung: the request does not expire between them and the ACK",
     "0.000 > S\n"
     "0.002 > copy\n"
     "0.010 < SA\n"
     "0.012 < SA\n"
     "0.600 > A\n"
     "= server ESTABLISHED? may SYN_RECV path " PATH_ACCEPT "\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"},
    {"syn_recv_rearmed",
     "an answer to a repeated SYN does not shorten the request's life: the next rung is due at 3 s",
     "0.000 > S\n"
     "0.010 < SA lost\n"
     "1.015 < SA lost\n"
     "1.020 > S\n"
     "1.030 < SA\n"
     "2.900 > A\n"
     "= server ESTABLISHED? may SYN_RECV path " PATH_ACCEPT "\n"
     "= mark 6 OPEN_ACK\n"},
    {"syn_sent_slow", "an answer after 1.5 s: some kernels repeat a SYN only after 3 s",
     "0.000 > S\n"
     "1.500 < SA\n"
     "1.510 > A\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"
     "= server ESTABLISHED? path " PATH_ACCEPT "\n"},
    {"syn_sent_slow_ladder", "a SYN again after 3 s: it had not given up",
     "0.000 > S\n"
     "3.000 > S\n"
     "= client SYN_SENT! path SYN_SENT\n"
     "3.010 < SA\n"
     "3.020 > A\n"
     "= client ESTABLISHED! path " PATH_OPEN "\n"},
    {"recovery_burst", "many segments repeated at once are a recovery, not a ladder given up",
     TALK "1.0000 > PA len=500\n"
          "1.0001 > PA len=500\n"
          "1.0002 > PA len=500\n"
          "1.0003 > PA len=500\n"
          "1.0004 > PA len=500\n"
          "1.0005 > PA len=500\n"
          "1.2000 > PA seq=101 len=500\n"
          "1.2001 > PA seq=601 len=500\n"
          "1.2002 > PA seq=1101 len=500\n"
          "1.2003 > PA seq=1601 len=500\n"
          "1.2004 > PA seq=2101 len=500\n"
          "1.2005 > PA seq=2601 len=500\n"
          "clock 1.5\n"
          "= client ESTABLISHED! not CLOSED\n"
          "1.6000 < FA\n"
          "= client CLOSE_WAIT?\n"},
    {"syn_recv_defer", "a child that was assumed does not expire with its request",
     OPEN "clock 80\n"
          "= server ESTABLISHED? path " PATH_ACCEPT "\n"},
    {"syn_recv_refuted", "a request whose ACKs were ignored expires like any other",
     OPEN "1.020 < SA\n"
          "3.050 < SA\n"
          "7.240 < SA\n"
          "15.430 < SA\n"
          "31.570 < SA\n"
          "= server SYN_RECV!\n"
          "clock 90\n"
          "= server CLOSED? path SYN_RECV;CLOSED\n"
          "= client ESTABLISHED!\n"},
    {"last_ack", "one FIN unanswered is not given up in two minutes",
     BOTH_FIN "clock 60\n"
              "= server LAST_ACK!\n"},
};

/* ---- what may advance an endpoint ---- */

static const struct script_row acceptability[] = {
    /* Resets: exact, inside, outside. The right edge of a side is its acknowledgment plus 502 * 128. */
    {"rst_established", "exact",
     TALK "1.000 > R seq=101\n"
          "= server CLOSED? may ESTABLISHED\n"
          "= mark 6 RST fit=exact receiver=ESTABLISHED\n"},
    {"rst_established_inside", "one beyond: challenged",
     TALK "1.000 > R seq=102\n"
          "= server ESTABLISHED! not CLOSED\n"
          "= mark 6 RST fit=in_window\n"
          "1.010 < A\n"
          "= server ESTABLISHED! not CLOSED path " PATH_ACCEPT "\n"
          "= mark 7 CHALLENGE\n"},
    {"rst_established_edge", "the last number of the window",
     TALK "1.000 > R seq=64356\n"
          "= server ESTABLISHED! not CLOSED\n"
          "= mark 6 RST fit=in_window\n"},
    {"rst_established_beyond", "beyond the window: ignored",
     TALK "1.000 > R seq=64358\n"
          "= server ESTABLISHED! not CLOSED\n"
          "= mark 6 RST fit=outside\n"},
    {"rst_established_old", "one below: ignored",
     TALK "1.000 > R seq=100\n"
          "= server ESTABLISHED! not CLOSED\n"
          "= mark 6 RST fit=outside\n"},
    {"rst_largest_edge", "the window shrank: the largest edge ever advertised still counts",
     TALK "0.500 < A win=10\n"
          "1.000 > R seq=50000\n"
          "= mark 7 RST fit=in_window\n"},
    {"rst_sack_edge", "the right edge of the highest block that the receiver reported counts as exact",
     TALK "0.500 > PA seq=201 len=100\n"
          "0.510 < A ack=101 sack=201-301\n"
          "1.000 > R seq=301\n"
          "= server CLOSED?\n"
          "= mark 8 RST fit=exact\n"},
    {"rst_data_before_fin_ack", "payload that did not acknowledge its FIN drew the reset: never FIN_WAIT2",
     OPEN "0.030 > PA len=10\n"        /* 4 */
          "0.040 < A len=100 ack=11\n" /* 5 */
          "0.041 > FA ack=101\n"       /* 6: closed */
          "0.042 < A len=100 ack=11\n" /* 7: meets FIN_WAIT1 */
          "0.043 < A len=100 ack=12\n" /* 8 */
          "0.044 > R seq=11\n"         /* 9: answers 7 */
          "= client CLOSED! path " PATH_OPEN ";FIN_WAIT1;CLOSED\n"},
    {"rst_before_fin", "what is reset had left before the FIN: that met nobody",
     OPEN "0.030 > PA len=10\n"        /* 4 */
          "0.040 < A len=100 ack=11\n" /* 5 */
          "0.041 > PA len=5 ack=101\n" /* 6 */
          "0.042 < A len=100 ack=11\n" /* 7 */
          "0.043 > FA ack=201\n"       /* 8 */
          "= server CLOSE_WAIT?\n"
          "0.052 < R seq=101\n" /* 9: answers 6 */
          "= server CLOSED! path " PATH_ACCEPT ";CLOSED\n"},
    {"rst_then_older_ack",
     "it acknowledges more than before and less than was sent before the reset: no contradiction",
     OPEN "0.030 > PA len=10\n"        /* 4 */
          "0.040 < A len=100 ack=11\n" /* 5 */
          "0.041 < A len=100 ack=11\n" /* 6 */
          "0.042 < A len=100 ack=11\n" /* 7 */
          "0.043 < RA\n"               /* 8 */
          "= client CLOSED?\n"
          "0.300 > A ack=201\n" /* 9: late, of 6 */
          "= client CLOSED?\n"},
    {"rst_fin_wait1", "exact in FIN_WAIT1",
     CLIENT_FIN "1.000 < R seq=1\n"
                "= client CLOSED? path " PATH_OPEN ";FIN_WAIT1;CLOSED\n"
                "= mark 7 RST fit=exact receiver=FIN_WAIT1\n"},
    {"rst_fin_wait1_inside", "inside in FIN_WAIT1",
     CLIENT_FIN "1.000 < R seq=2\n"
                "= client FIN_WAIT1! not CLOSED\n"
                "= mark 7 RST fit=in_window\n"},
    {"rst_fin_wait2", "exact in FIN_WAIT2",
     HALF "1.000 < R seq=1\n"
          "= client CLOSED? path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2;CLOSED\n"
          "= mark 8 RST fit=exact\n"},
    {"rst_fin_wait2_old", "below in FIN_WAIT2",
     HALF "1.000 < R seq=0\n"
          "= client FIN_WAIT2 not CLOSED\n"
          "= mark 8 RST fit=outside\n"},
    {"rst_close_wait", "exact in CLOSE_WAIT",
     HALF "1.000 > R seq=102\n"
          "= server CLOSED? path " PATH_ACCEPT ";CLOSE_WAIT;CLOSED\n"
          "= mark 8 RST fit=exact\n"},
    {"rst_close_wait_fin", "on the FIN itself in CLOSE_WAIT: accepted as well",
     HALF "1.000 > R seq=101\n"
          "= server CLOSED?\n"
          "= mark 8 RST fit=exact\n"},
    {"rst_close_wait_inside", "inside in CLOSE_WAIT",
     HALF "1.000 > R seq=103\n"
          "= server CLOSE_WAIT! not CLOSED\n"
          "= mark 8 RST fit=in_window\n"},
    {"rst_last_ack", "exact in LAST_ACK",
     BOTH_FIN "1.000 > R seq=102\n"
              "= server CLOSED? path " PATH_ACCEPT ";CLOSE_WAIT;LAST_ACK;CLOSED\n"
              "= mark 9 RST fit=exact\n"},
    {"rst_last_ack_inside", "inside in LAST_ACK",
     BOTH_FIN "1.000 > R seq=110\n"
              "= server LAST_ACK! not CLOSED\n"
              "= mark 9 RST fit=in_window\n"},
    {"rst_closing", "exact in CLOSING",
     CROSS "0.110 > A ack=2\n"
           "1.000 < R seq=2\n"
           "= client CLOSED? path " PATH_OPEN ";FIN_WAIT1;CLOSING;CLOSED\n"
           "= mark 9 RST fit=exact receiver=CLOSING\n"},
    {"rst_closing_inside", "inside in CLOSING",
     CROSS "0.110 > A ack=2\n"
           "1.000 < R seq=50\n"
           "= client CLOSING! not CLOSED\n"
           "= mark 9 RST fit=in_window\n"},
    {"rst_syn_recv_edge", "the window of a SYN+ACK is never scaled",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > R seq=64240\n"
     "= mark 3 RST fit=in_window\n"},
    {"rst_syn_recv_beyond", "the window of a SYN+ACK is never scaled: outside",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.020 > R seq=64242\n"
     "= server SYN_RECV!\n"
     "= mark 3 RST fit=outside\n"},
    {"rst_middle", "one direction, and a reset to the side that was never seen: cannot tell",
     "flow middle\n"
     "0.000 > RA\n"
     "= client CLOSED!\n"
     "= mark 1 RST fit=blind\n"},
    {"rst_paws", "PAWS is not applied to resets",
     TALK "1.000 > RA seq=101 ack=1 tsval=3\n"
          "= server CLOSED?\n"
          "= mark 6 RST fit=exact\n"},

    /* Timestamps. The newest TSval in order is the data's, 30 ms after the base. */
    {"paws_equal", "the same tick is new enough",
     TALK "0.100 > FA tsval=30\n"
          "= server CLOSE_WAIT?\n"},
    {"paws_one_tick", "one tick older is tolerated",
     TALK "0.100 > FA tsval=29\n"
          "= server CLOSE_WAIT?\n"},
    {"paws_two_ticks", "two ticks older are not",
     TALK "0.100 > FA tsval=28\n"
          "= server ESTABLISHED! not CLOSE_WAIT\n"},
    {"paws_24_days", "after 24 days the old value is void",
     TALK "2160000 > FA tsval=28\n"
          "= server CLOSE_WAIT?\n"},
    {"paws_out_of_order", "a segment beyond a hole does not become the newest",
     TALK "0.100 > PA seq=201 len=100 tsval=200\n"
          "= server.ts_recent 30\n"
          "0.101 > PA seq=101 len=100 tsval=90\n"
          "= server.ts_recent 90\n"},
    {"paws_no_timestamps", "without timestamps nothing is too old",
     "flow nots\n" TALK "0.100 > FA\n"
     "= server CLOSE_WAIT?\n"
     "= server.ts_on 0\n"},

    /* Sequence numbers. */
    {"fin_again_old", "a FIN that was acknowledged does not count twice",
     HALF "0.320 > FA seq=101\n"
          "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT\n"},
    {"fin_zero_window", "a FIN fits a closed window",
     TALK "0.050 < A win=0\n"
          "0.100 > FA\n"
          "= server CLOSE_WAIT?\n"},
    {"fin_beyond_window", "a FIN beyond the window does not count",
     TALK "0.100 > FA seq=70000 forged\n"
          "= server ESTABLISHED! not CLOSE_WAIT\n"},
    {"fin_far_away", "a FIN from another sequence space is nobody's",
     TALK "0.100 > FA seq=1610612736 forged\n"
          "= client ESTABLISHED! path " PATH_OPEN "\n"
          "= server ESTABLISHED!\n"
          "0.200 > FA\n"
          "0.210 < A\n"
          "= client FIN_WAIT2? path " PATH_OPEN ";FIN_WAIT1;FIN_WAIT2\n"
          "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT\n"},
    {"fin_damaged", "a damaged FIN with a wrong number does not hide the real one",
     TALK "0.100 > FA seq=5000 badsum forged\n"
          "0.200 > FA\n"
          "0.210 < A\n"
          "= client FIN_WAIT2?\n"
          "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT\n"
          "= client.fin_acked_by_peer 1\n"},
    {"fin_forged_first", "a FIN out of the window does not hide the real one",
     TALK "0.100 > FA seq=70000 forged\n"
          "0.200 > FA\n"
          "0.210 < A\n"
          "= client FIN_WAIT2?\n"
          "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT\n"
          "= client.fin_acked_by_peer 1\n"},
    {"data_damaged", "damaged payload was sent, and is no evidence of anything else",
     TALK "0.100 > PA len=50 badsum\n"
          "= client ESTABLISHED!\n"
          "= server ESTABLISHED!\n"},
    {"fin_elsewhere", "a FIN at another place, out of the window, is not the FIN",
     CLIENT_FIN "0.105 > FA seq=70000 forged\n"
                "0.110 < A\n"
                "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT\n"
                "= client FIN_WAIT2?\n"
                "= client.fin_acked_by_peer 1\n"},
    {"fin_with_data", "data and FIN in one",
     OPEN "0.030 > FPA len=100\n"
          "= server CLOSE_WAIT?\n"
          "0.040 < A\n"
          "= server CLOSE_WAIT! path " PATH_ACCEPT ";CLOSE_WAIT\n"
          "= client FIN_WAIT2?\n"
          "= client.bytes 100\n"},
    {"ack_short_of_fin", "the data acknowledged, the FIN not",
     CLIENT_FIN "0.110 < A ack=101\n"
                "= client FIN_WAIT1! not FIN_WAIT2\n"
                "= client.fin_acked_by_peer 0\n"},
    {"ack_too_old", "an ACK older than any window",
     CLIENT_FIN "0.110 < FA ack=-200000 forged\n"
                "= client FIN_WAIT1! not CLOSING\n"},
    {"checksum_bad", "a damaged segment arrives nowhere",
     TALK "0.100 > FA badsum\n"
          "= server ESTABLISHED! not CLOSE_WAIT\n"},
    {"checksum_unfinished", "an unfinished checksum says nothing bad",
     TALK "0.100 > FA unfinished\n"
          "= server CLOSE_WAIT?\n"},

    /* An old copy of the first SYN in every synchronized state: answered, and nothing moves. */
    {"syn_fin_wait1", "SYN in FIN_WAIT1",
     CLIENT_FIN "1.000 < S forged\n"
                "= client FIN_WAIT1!\n"},
    {"syn_fin_wait2", "SYN in FIN_WAIT2",
     HALF "1.000 < S forged\n"
          "= client FIN_WAIT2\n"},
    {"syn_close_wait", "SYN in CLOSE_WAIT",
     HALF "1.000 > S forged\n"
          "= server CLOSE_WAIT!\n"},
    {"syn_last_ack", "SYN in LAST_ACK",
     BOTH_FIN "1.000 > S forged\n"
              "= server LAST_ACK!\n"},
    {"syn_established_sender", "an old copy of its SYN does not take an established sender back",
     TALK "1.000 > S forged\n"
          "= client ESTABLISHED path " PATH_OPEN "\n"
          "1.500 > PA len=10\n"
          "= client ESTABLISHED! path " PATH_OPEN "\n"},
    {"synack_again", "an old SYN+ACK in ESTABLISHED is acknowledged again",
     TALK "1.000 < SA forged\n"
          "= client ESTABLISHED! path " PATH_OPEN "\n"},
};

/* ---- copies, answers, crossings ---- */

static const struct script_row ladders[] = {
    {"syn_copies", "each copy is counted and numbered",
     "0.000 > S\n"
     "1.020 > S\n"
     "3.040 > S\n"
     "7.100 > S\n"
     "= client.syn_count 4\n"
     "= mark 1 SYN copy=1\n"
     "= mark 4 SYN copy=4\n"},
    {"synack_copies", "each copy is counted and numbered",
     "0.000 > S\n"
     "0.010 < SA\n"
     "1.020 < SA\n"
     "3.040 < SA\n"
     "= server.synack_count 3\n"
     "= mark 4 SYNACK copy=3 !answers_syn !crossing !refuting\n"},
    {"fin_copies", "each copy is counted and numbered",
     CLIENT_FIN "0.320 > FA seq=101\n"
                "0.750 > FA seq=101\n"
                "= client.fin_count 3\n"
                "= mark 8 FIN copy=3\n"
                "= client.bytes 100\n"
                "= client.retx_pkts 0\n"},
    {"data_copies", "payload again is a retransmission",
     TALK "0.320 > PA seq=1 len=100\n"
          "= client.retx_pkts 1\n"
          "= client.bytes 100\n"
          "= mark 6 DATA_RETX !new_data\n"},
    {"tap_syn", "the same SYN twice within a millisecond is a copy made by the tap",
     "0.000 > S\n"
     "0.001 > copy\n"
     "= client.syn_count 1\n"
     "= client.capture_copies 1\n"
     "= damage 8\n"},
    {"tap_synack", "identification 0: identical and within 5 ms",
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.014 < copy\n"
     "= server.synack_count 1\n"
     "= server.capture_copies 1\n"},
    {"tap_synack_late", "identification 0: identical, after 0.2 s, is the listener's own",
     "flow nots\n"
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.210 < copy\n"
     "= server.synack_count 2\n"
     "= server.capture_copies 0\n"},
    {"tap_data", "payload twice with the same identification within 20 ms",
     TALK "0.100 > PA len=50\n"
          "0.118 > copy\n"
          "= client.bytes 150\n"
          "= client.retx_pkts 0\n"
          "= client.capture_copies 1\n"},
    {"tap_data_late", "the same identification after 25 ms",
     TALK "0.100 > PA len=50\n"
          "0.125 > copy\n"
          "= client.capture_copies 0\n"},
    {"tap_data_retx", "another identification: sent again, however soon",
     TALK "0.100 > PA len=50\n"
          "0.110 > PA seq=101 len=50\n"
          "= client.retx_pkts 1\n"
          "= client.capture_copies 0\n"},
    {"tap_interleaved", "two segments, then the tap's copies of both: sent once",
     TALK "0.1000 > PA len=50 id=900\n"
          "0.1001 > PA len=50 id=901\n"
          "0.1002 > PA seq=101 len=50 id=900 tsval=100\n"
          "0.1003 > PA seq=151 len=50 id=901 tsval=100\n"
          "= client.bytes 200\n"
          "= client.retx_pkts 0\n"},
    {"retx_random_id",
     "a lower identification after a timer's interval: sent again, by a host that counts otherwise",
     TALK "0.330 > PA seq=1 len=100 id=60000\n"
          "= client.retx_pkts 1\n"
          "= mark 6 DATA_RETX\n"},
    {"tap_synack_bare", "identification 0 and no timestamps: no listener repeats itself within 5 ms",
     "flow nots\n"
     "0.000 > S\n"
     "0.010 < SA\n"
     "0.012 < copy\n"
     "= server.synack_count 1\n"
     "= server.capture_copies 1\n"},
    {"tap_ipv6", "without identification: identical and within 5 ms",
     "flow noid\n" TALK "0.100 > PA len=50\n"
     "0.103 > copy\n"
     "= client.retx_pkts 0\n"
     "= client.capture_copies 1\n"
     "0.400 > PA seq=101 len=50\n"
     "= client.retx_pkts 1\n"},
    {"dup_acks", "three equal bare ACKs without identification are duplicate ACKs, not the tap's",
     "flow noid\n" TALK "0.1000 < A\n"
     "0.1001 < A\n"
     "0.1002 < A\n"
     "= server.capture_copies 0\n"
     "= server.pkts 5\n"},
    {"tap_fin", "a tap's copy of the FIN refutes nothing",
     OVER "0.131 > copy\n"
          "= client TIME_WAIT!\n"
          "= server CLOSED?\n"
          "= client.capture_copies 1\n"},
    {"answers_now", "10 ms after the repeated SYN, the path's delay",
     "0.000 > S\n"
     "0.010 < SA\n"
     "1.000 > S\n"
     "1.010 < SA\n"
     "= mark 4 SYNACK answers_syn copy=2\n"},
    {"answers_edge", "within 2 ms more",
     "0.000 > S\n"
     "0.010 < SA\n"
     "1.000 > S\n"
     "1.0119 < SA\n"
     "= mark 4 SYNACK answers_syn\n"},
    {"answers_not", "later than that: the timer's rung",
     "0.000 > S\n"
     "0.010 < SA\n"
     "1.000 > S\n"
     "1.050 < SA\n"
     "= mark 4 SYNACK !answers_syn\n"},
    {"answers_first", "the first SYN+ACK of all answers, and is copy 1",
     "0.000 > S\n"
     "1.000 > S\n"
     "1.010 < SA\n"
     "= mark 3 SYNACK copy=1\n"
     "= server.synack_count 1\n"},
    {"crossing", "left before the ACK could have arrived",
     "0.000 > S\n"
     "0.010 < SA\n"
     "1.005 > A\n"
     "1.0155 < SA\n"
     "= server ESTABLISHED? may SYN_RECV path " PATH_ACCEPT "\n"
     "= mark 4 SYNACK copy=2 crossing !refuting\n"
     "= open_refuted 0\n"
     "= ack_ignored_count 0\n"},
    {"crossing_not", "left after the ACK must have arrived",
     "0.000 > S\n"
     "0.010 < SA\n"
     "1.005 > A\n"
     "1.0165 < SA\n"
     "= server SYN_RECV! not ESTABLISHED path SYN_RECV\n"
     "= mark 4 SYNACK copy=2 !crossing refuting\n"
     "= open_refuted 1\n"
     "= ack_ignored_count 1\n"},
    {"other_synack",
     "another SYN+ACK is the one that the client chose: the request began with the SYN before it",
     "0.000 > S\n"
     "0.001 < SA\n"
     "1.000 > S\n"
     "3.000 > S\n"
     "3.001 < SA seq=5000\n"
     "= mark 5 OTHER_SYNACK\n"
     "3.002 > A ack=5001\n"
     "= server at 4 SYN_RECV\n"},
    {"crossing_long_path",
     "TSecr names the first SYN: the path takes 1.2 s, and the second SYN+ACK answers the second SYN",
     "0.000 > S\n"
     "1.000 > S\n"
     "1.200 < SA tsecr=1\n"
     "= path_to_server_ns 1.200\n"
     "1.220 > A\n"
     "2.200 < SA\n"
     "= mark 5 SYNACK answers_syn !refuting\n"
     "= server ESTABLISHED? may SYN_RECV path " PATH_ACCEPT "\n"
     "= open_refuted 0\n"
     "= ack_ignored_count 0\n"},
    {"no_ack_yet", "a rung before any ACK contradicts nothing",
     "0.000 > S\n"
     "0.010 < SA\n"
     "1.020 < SA\n"
     "1.100 > A\n"
     "= server ESTABLISHED? may SYN_RECV path " PATH_ACCEPT "\n"
     "= open_refuted 0\n"
     "= ack_ignored_count 0\n"},
    {"rtt_one_copy", "SYN to SYN+ACK, SYN+ACK to ACK",
     OPEN "= syn_rtt_ns 0.010\n"
          "= ack_rtt_ns 0.010\n"
          "= path_to_server_ns 0.010\n"},
    {"rtt_newest_copy", "TSecr names the second SYN",
     "0.000 > S lost\n"
     "1.000 > S\n"
     "1.010 < SA tsecr=2\n"
     "= syn_rtt_ns 0.010\n"},
    {"rtt_oldest_copy", "TSecr names the first SYN: a long path",
     "0.000 > S\n"
     "1.000 > S\n"
     "1.010 < SA tsecr=1\n"
     "= syn_rtt_ns 1.010\n"},
    {"rtt_unknown", "several copies without timestamps: cannot tell",
     "flow nots\n"
     "0.000 > S\n"
     "1.000 > S\n"
     "1.010 < SA\n"
     "= syn_rtt_ns -1\n"},
    {"marks_flood", "a flood of one role does not displace the only mark of another",
     TALK "0.300 > PA seq=1 len=100\n0.700 > PA seq=1 len=100\n1.500 > PA seq=1 len=100\n"
          "3.100 > PA seq=1 len=100\n6.300 > PA seq=1 len=100\n12.700 > PA seq=1 len=100\n"
          "25.500 > PA seq=1 len=100\n51.100 > PA seq=1 len=100\n102.000 > PA seq=1 len=100\n"
          "204.000 > PA seq=1 len=100\n300.000 > PA seq=1 len=100\n400.000 > PA seq=1 len=100\n"
          "500.000 > PA seq=1 len=100\n" /* 18 */
          "500.010 < R seq=9000\n"       /* 19: inexact */
          "= mark 18 TRIGGER\n"
          "600.000 > PA seq=1 len=100\n"
          "700.000 > PA seq=1 len=100\n"
          "= client.retx_pkts 15\n"
          "= mark 18 TRIGGER\n"
          "= mark 21 DATA_RETX\n"},
    {"marks_last", "the last segment of each side",
     TALK "finish\n"
          "= mark 4 LAST\n"
          "= mark 5 LAST\n"
          "= nomark 3 LAST\n"},
};

/* ---- what is payload ---- */

static const struct script_row bytes[] = {
    {"none", "SYN and FIN are no payload",
     OVER "= client.bytes 100\n"
          "= server.bytes 0\n"
          "= server.pkts 4\n"
          "= client.pkts 5\n"
          "= client.retx_pkts 0\n"
          "= server.retx_pkts 0\n"
          "= client.missed_bytes 0\n"
          "= server.missed_bytes 0\n"
          "= damage 0\n"},
    {"retransmission", "the same bytes three times",
     TALK "0.100 < PA len=300\n"
          "0.310 < PA seq=1 len=300\n"
          "0.740 < PA seq=1 len=300\n"
          "= server.bytes 300\n"
          "= server.retx_pkts 2\n"},
    {"overlap", "half old, half new: not a retransmission",
     TALK "0.100 > PA seq=51 len=100\n"
          "= client.bytes 150\n"
          "= client.retx_pkts 0\n"
          "= mark 4 FIRST_DATA new_data\n"},
    {"contained", "a part of what was sent",
     TALK "0.100 > PA seq=20 len=30\n"
          "= client.bytes 100\n"
          "= client.retx_pkts 1\n"},
    {"hole_filled", "the middle comes last: new bytes, nothing missed",
     TALK "0.100 > PA seq=201 len=100\n"
          "= client.bytes 200\n"
          "= client.hole_count 1\n"
          "0.101 > PA seq=101 len=100\n"
          "= client.bytes 300\n"
          "= client.hole_count 0\n"
          "0.110 < A ack=301\n"
          "finish\n"
          "= client.retx_pkts 0\n"
          "= client.missed_bytes 0\n"
          "= damage 0\n"},
    {"hole_part", "the middle of the middle",
     TALK "0.100 > PA seq=401 len=100\n"
          "0.101 > PA seq=201 len=100\n"
          "= client.bytes 300\n"
          "= client.hole_count 2\n"
          "0.102 > PA seq=51 len=200\n"
          "= client.bytes 400\n"
          "= client.hole_count 1\n"
          "= client.retx_pkts 0\n"},
    {"hole_split", "pieces out of one hole, from the middle, the right, the left",
     TALK "0.100 > PA seq=301 len=100\n"
          "0.101 > PA seq=201 len=50\n"
          "= client.bytes 250\n"
          "= client.hole_count 2\n"
          "0.102 > PA seq=251 len=50\n"
          "= client.hole_count 1\n"
          "0.103 > PA seq=101 len=50\n"
          "= client.bytes 350\n"
          "= client.hole_count 1\n"
          "0.104 > PA seq=151 len=50\n"
          "= client.bytes 400\n"
          "= client.hole_count 0\n"
          "= client.retx_pkts 0\n"},
    {"hole_acked", "acknowledged, and never captured",
     TALK "0.100 > PA seq=201 len=100\n"
          "0.110 < A ack=301\n"
          "finish\n"
          "= client.bytes 200\n"
          "= client.missed_bytes 100\n"
          "= damage 1\n"},
    {"beyond_acked", "acknowledged beyond all that was captured",
     TALK "0.100 > PA len=400 unseen\n"
          "0.110 < A\n"
          "0.200 > PA len=10\n"
          "finish\n"
          "= client.bytes 110\n"
          "= client.missed_bytes 400\n"
          "= damage 1\n"},
    {"hole_with_fin", "an unseen byte before the FIN is one byte, the FIN none",
     TALK "0.100 > FA seq=102\n"
          "0.110 < A ack=103\n"
          "finish\n"
          "= client.bytes 100\n"
          "= client.missed_bytes 1\n"},
    {"fin_behind", "a bare ACK of one whose FIN was lost before the capture; the FIN comes again behind it",
     TALK "0.100 < FA\n"
          "0.120 > FA seq=101 lost unseen\n"
          "0.150 > A seq=102\n"
          "0.400 > FA seq=101\n"
          "0.410 < A ack=102\n"
          "finish\n"
          "= client.missed_bytes 0\n"
          "= server.missed_bytes 0\n"},
    {"fin_unseen", "an acknowledgment one beyond is a FIN as well as a byte: no claim beyond one",
     TALK "0.100 < PA len=10\n"
          "0.110 > A\n"
          "= server.missed_bytes 0\n"},
    {"keepalive", "one below, empty, after a silence",
     TALK "60.000 > A seq=100\n"
          "60.010 < A\n"
          "= client.keepalive_count 1\n"
          "= mark 6 KEEPALIVE side=client\n"
          "= client.bytes 100\n"
          "= client.retx_pkts 0\n"},
    {"keepalive_byte", "with a byte of garbage",
     TALK "60.000 > A seq=100 len=1\n"
          "60.010 < A\n"
          "= client.keepalive_count 1\n"
          "= client.bytes 100\n"
          "= client.retx_pkts 0\n"},
    {"keepalive_server", "by the other side",
     TALK "60.000 < A seq=0 ack=101\n"
          "60.010 > A\n"
          "= server.keepalive_count 1\n"
          "= client.keepalive_count 0\n"},
    {"keepalive_no_silence", "without a silence it is none",
     TALK "0.100 > A seq=100\n"
          "= client.keepalive_count 0\n"},
    {"keepalive_window", "towards a closed window it asks for space",
     TALK "0.050 < A win=0\n"
          "60.000 > A seq=100\n"
          "= client.keepalive_count 0\n"},
    {"keepalive_idle", "a bare ACK at SND.NXT after a silence is none",
     TALK "60.000 > A\n"
          "= client.keepalive_count 0\n"},
    {"zero_window", "closed for two seconds",
     TALK "1.000 < A win=0\n"
          "= mark 6 ZERO_WINDOW side=server\n"
          "3.000 < A win=502\n"
          "= server.zero_ns 2.0\n"
          "= client.zero_ns 0\n"},
    {"zero_window_rst", "a reset's window is no window",
     TALK "1.000 < R seq=1\n"
          "2.000 > PA len=10\n"
          "finish\n"
          "= server.zero_ns 0\n"},
    {"zero_window_open", "closed until the last segment",
     TALK "1.000 < A win=0\n"
          "4.000 > A seq=100\n"
          "finish\n"
          "= server.zero_ns 3.0\n"},
    {"damage_order", "time stamps that go backwards",
     TALK "0.035 > PA len=10\n"
          "= damage 16\n"
          "= client.bytes 110\n"},
    {"damage_options", "options cut by the snap length",
     "0.000 > S cut\n"
     "= damage 2\n"},
    {"damage_one_way", "one direction is missing",
     "0.000 > S\n"
     "finish\n"
     "= damage 4\n"},
    {"damage_offload", "more than the announced segment size: taken before the card cut it",
     TALK "0.100 > PA len=40000\n"
          "= damage 32\n"
          "= client.bytes 40100\n"},
    {"fast_open_again", "data of the SYN sent again is the same data",
     "0.000 > S len=50 tfo\n"
     "0.010 < SA ack=1\n"
     "0.020 > PA seq=1 len=50\n"
     "0.030 < A\n"
     "= client.bytes 50\n"
     "= server ESTABLISHED!\n"},
    {"middle", "mid-stream: only what was seen",
     "flow middle\n"
     "0.000 > PA len=100\n"
     "0.010 < PA len=200\n"
     "0.020 > A\n"
     "finish\n"
     "= client.bytes 100\n"
     "= server.bytes 200\n"
     "= client.missed_bytes 0\n"
     "= server.missed_bytes 0\n"},
};

/* ---- liveness: why payload is sent again, probes, delays ---- */

static const struct script_row liveness[] = {
    {"probe_then_timer", "a tail loss probe is not backed off: the timer comes after the same interval",
     TALK "0.100 < PA len=300\n"
          "0.310 < PA seq=1 len=300\n"
          "= mark 7 RETX_TLP side=server\n"
          "0.520 < PA seq=1 len=300\n"
          "0.940 < PA seq=1 len=300\n"
          "= server.retx_tlp 1\n"
          "= server.retx_rto 2\n"},
    {"timer_doubles", "an interval twice as long: the first copy was the timer's, too",
     TALK "0.100 < PA len=300\n"
          "0.310 < PA seq=1 len=300\n"
          "0.730 < PA seq=1 len=300\n"
          "= server.retx_tlp 0\n"
          "= server.retx_rto 2\n"},
    {"sent_since", "the same, but a FIN was sent meanwhile, which does not set the timer again",
     TALK "0.100 < PA len=300\n"
          "1.100 < PA seq=1 len=300\n"
          "2.000 < FA seq=301\n"
          "4.100 < PA seq=1 len=300\n"
          "= server.retx_tlp 1\n"
          "= server.retx_rto 1\n"},
    {"not_the_last", "a probe repeats the newest segment, the timer the oldest",
     TALK "0.100 < PA len=300 lost\n"
          "0.101 < PA len=300 lost\n"
          "0.400 < PA seq=1 len=300\n"
          "= server.retx_tlp 0\n"
          "= server.retx_rto 1\n"},
    {"after_timer", "what else was outstanding then follows the acknowledgments",
     TALK "0.100 < PA len=300 lost\n"
          "0.101 < PA len=300 lost\n"
          "0.400 < PA seq=1 len=300\n"
          "0.420 > A\n"
          "0.421 < PA seq=301 len=300\n"
          "= server.retx_rto 1\n"
          "= server.retx_after_rto 1\n"
          "= server.retx_unsure 0\n"},
    {"not_fast", "the peer spoke again, but of nothing new: the copy is the timer's",
     TALK "0.100 < PA len=300 lost\n"
          "0.101 < PA len=300\n"
          "0.121 > A sack=301-601\n"
          "0.140 < PA seq=1 len=300 lost\n"
          "0.350 > PA len=9 sack=301-601\n"
          "0.360 < PA seq=1 len=300\n"
          "= server.retx_fast 1\n"
          "= server.retx_rto 1\n"},
    {"from_the_syn", "payload that the SYN+ACK did not take is sent again without being probed for",
     "0.000 > S len=20 tfo\n"
     "0.010 < SA ack=1\n"
     "0.020 > PA seq=1 len=20\n"
     "= client.retx_tlp 0\n"
     "= client.retx_unsure 0\n"
     "= client.retx_after_rto 1\n"},
    {"ahead_of_the_ack", "no probe is set for an answer that was sent before the handshake's end",
     "0.000 > S len=20 tfo\n"
     "0.010 < SA\n"
     "0.011 < PA len=7 lost\n"
     "1.020 > A ack=1\n"
     "1.280 < PA seq=1 len=7\n"
     "= server.retx_tlp 0\n"
     "= server.retx_rto 1\n"},
    {"fast", "a loss told by SACK, and at once the copy",
     TALK "0.100 < PA len=300 lost\n"
          "0.101 < PA len=300\n"
          "0.120 > A ack=1 sack=301-601\n"
          "0.121 < PA seq=1 len=300\n"
          "= mark 9 RETX_FAST side=server\n"
          "= server.retx_fast 1\n"
          "= server.retx_tlp 0\n"},
    {"three_acks", "or by three acknowledgments without progress",
     TALK "0.100 < PA len=300 lost\n"
          "0.101 < PA len=300\n"
          "0.102 < PA len=300\n"
          "0.103 < PA len=300\n"
          "0.120 > A ack=1\n"
          "0.121 > A ack=1\n"
          "0.122 > A ack=1\n"
          "0.123 < PA seq=1 len=300\n"
          "= server.retx_fast 1\n"},
    {"two_acks", "two do not tell of a loss",
     TALK "0.100 < PA len=300 lost\n"
          "0.101 < PA len=300\n"
          "0.120 > A ack=1\n"
          "0.121 > A ack=1\n"
          "0.123 < PA seq=1 len=300\n"
          "= server.retx_fast 0\n"
          "= server.retx_unsure 1\n"},
    {"needless_dsack", "the receiver tells that it came twice",
     TALK "0.100 < PA len=300\n"
          "0.310 < PA seq=1 len=300\n"
          "0.330 > A ack=301 sack=1-301\n"
          "0.340 > A ack=301 sack=1-301\n"
          "= mark 8 SPURIOUS side=client\n"
          "= server.retx_spurious 1\n"},
    {"needless_echo", "the acknowledgment echoes the first copy",
     TALK "0.100 < PA len=300\n"
          "0.310 < PA seq=1 len=300\n"
          "0.330 > A ack=301 tsecr=6\n"
          "= server.retx_spurious 1\n"},
    {"needed_echo", "the acknowledgment echoes the copy",
     TALK "0.100 < PA len=300 lost\n"
          "0.310 < PA seq=1 len=300\n"
          "0.330 > A ack=301 tsecr=7\n"
          "= server.retx_spurious 0\n"},
    {"doubled", "a D-SACK of what was sent once is the network's doing",
     TALK "0.100 < PA len=300\n"
          "0.120 > A ack=301 sack=1-301\n"
          "= mark 7 OLD_DUP side=client\n"
          "= server.retx_spurious 0\n"},
    {"keepalive_times", "the silence before the first probe, the interval of unanswered ones",
     TALK "10.035 > A seq=100\n"
          "10.045 < A\n"
          "30.000 > A seq=100\n"
          "35.000 > A seq=100\n"
          "40.000 > A seq=100\n"
          "= client.keepalive_unanswered 3\n"
          "= client.keepalive_interval_ns 5.0\n"
          "= client.retx_rto 0\n"},
    {"window_probes", "towards a closed window",
     TALK "0.050 < A win=0\n"
          "0.300 > A seq=100\n"
          "0.310 < A win=0\n"
          "0.800 > A seq=100\n"
          "= client.window_probes 2\n"
          "= client.keepalive_unanswered 0\n"},
    {"delayed_ack", "50 ms after the payload; an answer at once is none",
     TALK "0.100 > PA len=10\n"
          "0.160 < A\n"
          "0.200 > PA len=10\n"
          "0.211 < A\n"
          "= server.delayed_acks 1\n"
          "= client.delayed_acks 0\n"},
    {"paws", "a late copy with its old time stamp is refused and answered",
     TALK "0.100 > PA len=10\n"
          "0.110 < A\n"
          "0.120 > PA len=10\n"
          "0.130 < A\n"
          "0.160 > PA seq=101 len=10 tsval=100 id=2\n"
          "0.170 < A\n"
          "= server.paws_rejected 1\n"
          "= mark 10 PAWS,OLD_DUP side=client\n"
          "= mark 11 PAWS_ACK side=server\n"
          "= client.retx_unsure 0\n"},
};

/* ---- noise ---- */

/* A small generator with a known sequence: the tests are the same everywhere. */
static uint32_t noise(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Numbers near the edges hit more code than random ones. */
static uint32_t noise_number(uint32_t *seed, uint32_t isn)
{
    static const int32_t near[] = {0, 1, 2, 99, 100, 101, 102, 64356, 64357, -1, -2, -70000, 0x7fffffff};

    if (noise(seed) % 16 == 0)
        return noise(seed) << 8;
    return isn + (uint32_t)near[noise(seed) % (sizeof(near) / sizeof(near[0]))];
}

static void noise_segment(struct script *s, uint32_t *seed, struct script_packet *p, int from)
{
    static const uint16_t flags[] = {TCA_SYN,           TCA_SYN | TCA_ACK, TCA_ACK,
                                     TCA_ACK | TCA_PSH, TCA_FIN | TCA_ACK, TCA_RST,
                                     TCA_RST | TCA_ACK, TCA_FIN,           0};

    script_defaults(s, p, from, flags[noise(seed) % (sizeof(flags) / sizeof(flags[0]))]);
    if (noise(seed) % 64 == 0)
        p->seg.flags = (uint16_t)(noise(seed) & 0x1ff);
    p->seg.seq = noise_number(seed, s->end[from].isn);
    p->seg.ack = noise_number(seed, s->end[1 - from].isn);
    p->seg.len = noise(seed) % 4 == 0 ? noise(seed) % 300 : 0;
    p->seg.window = noise(seed) % 8 == 0 ? 0 : (uint16_t)noise(seed);
    p->seg.opt.wscale = (uint8_t)noise(seed);
    p->seg.opt.tsval += noise(seed) % 8 == 0 ? noise(seed) << 8 : 0;
    p->seg.opt.tsecr = noise_number(seed, p->seg.opt.tsval);
    p->seg.opt.sack_count = noise(seed) % 4 == 0 ? (uint8_t)(noise(seed) % 5) : 0;
    for (unsigned at = 0; at < p->seg.opt.sack_count; at++) {
        p->seg.opt.sack[at][0] = noise_number(seed, s->end[1 - from].isn);
        p->seg.opt.sack[at][1] = noise_number(seed, s->end[1 - from].isn);
    }
    p->seg.ip_id = (uint16_t)(noise(seed) % 3);
    p->seg.checksum = (uint8_t)(noise(seed) % 4);
}

enum { NOISE_COUNT = 48, NOISE_SEGMENTS = 400 };

/* Whatever passes, and however time jumps: no crash, at most two readings, limits kept, every call succeeds.
 */
START_TEST(test_noise)
{
    static struct script s;
    const struct script_row row = {"noise", "invariants", ""};
    uint32_t seed = (uint32_t)_i * 2654435761u + 1;

    memset(&s, 0, sizeof(s));
    s.row = &row;
    s.line = "";
    s.now_ns = SCRIPT_EPOCH_NS;
    s.end[0].isn = isns[_i % ISN_COUNT][0];
    s.end[1].isn = isns[_i % ISN_COUNT][1];
    tca_mirror_context_init(&s.ctx);
    for (int i = 0; i < NOISE_SEGMENTS; i++) {
        struct script_packet p;
        int from = (int)(noise(&seed) % 2);
        s.line_number = i;
        s.now_ns += (int64_t)(noise(&seed) % 4 == 0 ? noise(&seed) * 10000 : noise(&seed) % 2000000);
        s.now_ns -= noise(&seed) % 32 == 0 ? 5000000 : 0; /* captures hold such steps back as well */
        noise_segment(&s, &seed, &p, from);
        p.witness = i > 0 && noise(&seed) % 64 == 0;
        s.frames = i % SCRIPT_FRAMES;
        p.seg.frame = (uint64_t)i + 1;
        if (!s.begun)
            tca_mirror_begin(&s.m, &p.seg);
        s.begun = true;
        int rc = p.witness ? tca_mirror_witness(&s.ctx, &s.m, &p.seg, from)
                           : tca_mirror_step(&s.ctx, &s.m, &p.seg, from);
        ck_assert_int_eq(rc, 0);
        script_invariants(&s);
        if (noise(&seed) % 32 == 0)
            tca_mirror_clock(&s.m, s.now_ns);
        if (noise(&seed) % 64 == 0)
            ck_assert_int_eq(tca_mirror_icmp(&s.ctx, &s.m, &p.seg, from, false), 0);
    }
    script_invariants(&s);
    ck_assert_int_eq(tca_mirror_finish(&s.ctx, &s.m), 0);
    tca_mirror_clock(&s.m, INT64_MAX / 2);
    script_invariants(&s);
    tca_mirror_free(&s.ctx, &s.m);
    tca_mirror_context_done(&s.ctx);
}
END_TEST

/* A thousand copies: counted exactly, kept as marks only so far, the first and the newest among them. */
START_TEST(test_many_copies)
{
    enum { COPIES = 1000 };
    static struct script s;
    const struct script_row row = {"many copies", "limits", ""};
    char newest[16];

    memset(&s, 0, sizeof(s));
    s.row = &row;
    s.line = "";
    s.end[TCA_CLIENT].isn = 0xfffffffeu;
    tca_mirror_context_init(&s.ctx);
    for (int i = 0; i < COPIES; i++) {
        struct script_packet p;
        s.now_ns = SCRIPT_EPOCH_NS + (int64_t)i * 1000000000;
        script_defaults(&s, &p, TCA_CLIENT, TCA_SYN);
        p.seg.ip_id = (uint16_t)i;
        p.seg.frame = (uint64_t)i + 1;
        if (i == 0)
            tca_mirror_begin(&s.m, &p.seg);
        ck_assert_int_eq(tca_mirror_step(&s.ctx, &s.m, &p.seg, TCA_CLIENT), 0);
        script_invariants(&s);
    }
    ck_assert_int_eq(tca_mirror_finish(&s.ctx, &s.m), 0);
    ck_assert_uint_eq(s.m.side[TCA_CLIENT].syn_count, COPIES);
    ck_assert_uint_eq(s.m.side[TCA_CLIENT].pkts, COPIES);
    ck_assert_uint_le(s.m.mark_count, TCA_MARKS_MAX);
    ck_assert_ptr_nonnull(script_find_mark(&s, "1"));
    snprintf(newest, sizeof(newest), "%d", COPIES);
    const struct tca_mark *mark = script_find_mark(&s, newest);
    ck_assert_ptr_nonnull(mark);
    ck_assert_uint_eq(mark->copy, 255);
    ck_assert_int_eq((int)tca_side_state(&s.m.side[TCA_CLIENT]), TCA_SYN_SENT);
    tca_mirror_free(&s.ctx, &s.m);
    tca_mirror_context_done(&s.ctx);
}
END_TEST

#define LOOP_TEST(group)                                                                                     \
    START_TEST(test_##group)                                                                                 \
    {                                                                                                        \
        script_run(&group[_i / ISN_COUNT], isns[_i % ISN_COUNT]);                                            \
    }                                                                                                        \
    END_TEST
LOOP_TEST(rows)
LOOP_TEST(figures)
LOOP_TEST(hypotheses)
LOOP_TEST(laboratory)
LOOP_TEST(clocks)
LOOP_TEST(acceptability)
LOOP_TEST(ladders)
LOOP_TEST(bytes)
LOOP_TEST(liveness)

#define ADD_GROUP(suite, group) add_case(suite, #group, test_##group, ISN_COUNT *ROWS(group))

static Suite *mirror_suite(void)
{
    Suite *suite = suite_create("mirror");
    TCase *hostile = tcase_create("hostile");

    ADD_GROUP(suite, rows);
    ADD_GROUP(suite, figures);
    ADD_GROUP(suite, hypotheses);
    ADD_GROUP(suite, laboratory);
    ADD_GROUP(suite, clocks);
    ADD_GROUP(suite, acceptability);
    ADD_GROUP(suite, ladders);
    ADD_GROUP(suite, bytes);
    ADD_GROUP(suite, liveness);
    tcase_add_loop_test(hostile, test_noise, 0, NOISE_COUNT);
    tcase_add_test(hostile, test_many_copies);
    suite_add_tcase(suite, hostile);
    return suite;
}

int main(void)
{
    return run_suite(mirror_suite());
}

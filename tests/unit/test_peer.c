/* SPDX-License-Identifier: MIT
 *
 * What other programs call a connection. Zeek: every pair of conn_state and history that is known of it, each state with
 * each event, each rule of the history; nf_conntrack: its table, and what stands around it; clocks: rates.
 *
 * Each conversation is run with the client on either key side, and across the wraps of sequence numbers.
 */
#include "classify/sweep/clocks.h"
#include "peer_script.h"
#include "suite.h"

#include <stdio.h>
#include <strings.h>

/* ---- Zeek: pairs ---- */

struct pair {
    const char *why;
    uint16_t port; /* of the server */
    const char *script, *state, *history;
};

static const struct pair pairs[] = {
    /* what each scenario must give */
    {"four-way close", 80, ">S <SA >A >PA:9 <A >FA <FA >A", "SF", "ShADaFf"},
    {"SYN ladder", 80, ">S*7", "S0", "S"},
    {"refused", 80, ">S <RA", "REJ", "Sr"},
    {"accept queue full, SYN+ACK repeated", 80, ">S <SA >A <SA >A <SA >A", "S1", "ShA"},
    {"accept queue full, reset", 80, ">S <SA >A <R", "RSTR", "ShAr"},
    {"simultaneous close", 80, ">S <SA >A >PA:9 <A >FA <FA^10 >A <A", "SF", "ShADaFf"},
    {"reuse with a new ISN: the newest record", 80,
     ">S <SA >A >PA:9 <PA:9 <FA >FA <A >Sn <SAn >A >PA:9 <A >FA <FA >A", "SF", "ShADaFf"},
    {"midstream data", 80, ">PA:9 <A", "OTH", "Da"},
    {"lone RST of a server's port", 80, "<R", "RSTRH", "^r"},
    {"lone RST of another port", 9999, "<R", "OTH", "R"},
    {"client side only", 80, ">S >A >PA:9 >FA", "SH", "SADF"},
    {"simultaneous open", 9999, ">S <S >SA <SA >PA:9 <A >FA <FA >A", "SF", "SsDaFfA"},
    {"simultaneous open, SYN repeated", 9999, ">S <S <S >S >SA", "S1", "Ss"},
    {"reset after data", 80, ">S <SA >A >PA:9 <A >RA", "RSTO", "ShADaR"},
    {"data in the third ACK", 80, ">S <SA >PA:9", "S1", "ShD"},
    {"SYN missing", 80, "<SA >A >PA:9 <A >FA <FA >A", "SF", "^hADaFf"},
    {"SYN missing, unknown port", 9999, "<SA >A >PA:9 <A >FA <FA >A", "SF", "^hADaFf"},
    {"SYN retried with a new ISN, first", 80, ">S", "S0", "S"},
    {"SYN retried with a new ISN, then", 80, ">S >Sn <SA >A", "S1", "ShA"},
    {"SYN, then the client's RST", 80, ">S >R", "RSTOS0", "SR"},
    {"half-close, the server sends on", 80, ">S <SA >A >FA <A <PA:9", "S2", "ShAFad"},
    {"FIN never acknowledged", 80, ">S <SA >A >FA@1*9", "S2", "ShAF"},
    {"SYN+ACK ladder, no third ACK", 80, ">S <SA*6", "S1", "Sh"},
    {"FIN, server's data, RST", 80, ">S <SA >A >PA:9 >FA <A <PA:9 >R", "RSTO", "ShADFadR"},
    {"TIME_WAIT, first", 80, ">S <SA >A <FA >A >FA <A", "SF", "ShAfFa"},
    {"TIME_WAIT, its ACK and the RST", 80, ">S <SA >A <FA >A >FA <A >Sn <A^3 >R@777", "RSTOS0", "SaR"},
    {"TIME_WAIT, the SYN again", 80, ">S <SA >A <FA >A >FA <A >Sn <A^3 >R@777 >S <SAn >A", "S1", "ShA"},
    /* confirmed by lines of conn.log in Zeek's own tests */
    {"RST", 9999, ">R", "OTH", "R"},
    {"SYN, RST", 9999, ">S >R", "RSTOS0", "SR"},
    {"SYN, ACK back, RST", 9999, ">S <A >R", "RSTOS0", "SaR"},
    {"SYN, ACK back, FIN, RST", 9999, ">S <A >FA >R", "OTH", "SaFR"},
    {"half-open scan", 80, ">S <SA >R", "RSTO", "ShR"},
    {"opened, no more", 80, ">S <SA", "S1", "Sh"},
    {"SYN missing, both send", 80, "<SA >A >PA:9 <A <PA:9 >FA <FA", "SF", "^hADadFf"},
    {"one side", 9999, ">S >A >PA:9 >FA", "SH", "SADF"},
    {"server side, ACK first", 80, "<SA <A <PA:9 <FA", "SHR", "^hadf"},
    {"server side, data first", 80, "<SA <PA:9 <A <FA", "SHR", "^hdaf"},
    {"server side, unknown port", 9999, "<SA <A <FA", "SHR", "^haf"},
    {"one side, not closed", 9999, ">S >A >PA:9", "S0", "SAD"},
    {"SYN+ACK alone", 9999, ">SA", "OTH", "H"},
    {"SYN+ACK of a server's port alone", 80, "<SA", "OTH", "^h"},
    {"RST of a server's port", 443, "<RA", "RSTRH", "^r"},
    {"data, then RST back", 9999, ">PA:9 <R", "RSTRH", "Dr"},
    {"FIN, then RST", 80, ">S <SA >A >PA:9 <A <PA:9 >FA >R", "RSTO", "ShADadFR"},
    {"RST behind both FINs", 80, ">S <SA >A >PA:9 <A <PA:9 <FA >FA <R", "SF", "ShADadfFr"},
    {"midstream to the end", 9999, ">PA:9 <A >FA <FA >A", "SF", "DaFfA"},
    {"midstream both ways", 80, ">PA:9 <PA:9 >A", "OTH", "DdA"},
    {"both send", 80, ">S <SA >A >PA:9 <A <PA:9", "S1", "ShADad"},
    {"SYN, RST, and opened all the same", 9999, ">S <RA@77 <SA >A >PA:9 <A <R@1", "REJ", "SrhADar"},
    {"FIN before the SYN+ACK", 443, ">S >F@1 <SA >FA@1 <R", "RSTR", "SFhr"},
    {"SYN+ACK before its SYN", 80, "<SA >S >A >PA:9 <A <PA:9 >FA <FA", "SF", "^hSADadFf"},
};

/* ---- Zeek: the decision, where pairs do not lead ---- */

static const struct pair decisions[] = {
    {"FIN and RST, then the other's FIN: an end like any other", 80, ">S <SA >A >FA >R <FA", "SF", "ShAFRf"},
    {"a RST in answer to both ways of nothing", 9999, ">S <SA >R <R", "REJ", "ShRr"},
    {"... of something", 9999, ">S <SA >A >PA:9 <A >R <R", "RSTR", "ShADaRr"},
    {"both reset, nothing but a FIN between", 80, ">S <SA >A >FA >R <R", "REJ", "ShAFRr"},
    {"a FIN with RST turns no RST back", 80, ">S <SA >FA >R <FRA", "REJ", "ShFRi"},
    {"a forged RST first: numbers begin with the SYN+ACK", 9999, ">S <RA@7777 <SA >A <PA:9 >A >R", "RSTR",
     "SrhAdR"},
    {"payload without ACK does not open", 80, "<SA >P:9", "OTH", "^hD"},
    {"SYN with FIN among SYN and RST", 9999, ">S >SF >R", "OTH", "SQR"},
    {"responder closed alone", 80, ">S <SA >A <FA >A", "S3", "ShAf"},
    {"responder closed, the originator never opened", 80, "<SA <FA", "SHR", "^hf"},
    {"SYN+ACK by the originator, then RST back", 9999, ">SA <R", "REJ", "Hr"},
    {"SYN with RST counts as no SYN", 9999, ">SR", "OTH", "Q"},
    {"FIN with RST", 9999, ">S <SA >A >FRA", "RSTO", "ShAI"},
    {"data among SYN and RST", 9999, ">S >PA:9 >R", "RSTOS0", "SDR"},
    {"ACK among SYN and RST", 9999, ">S >A >R", "OTH", "SAR"},
    {"an ACK before the SYN+ACK does not open", 80, ">S <A", "S0", "Sa"},
    {"data before the SYN+ACK makes the responder partial", 80, ">S <PA:9", "OTH", "Sd"},
    {"partial, then its SYN", 9999, ">A@1 >S", "S0", "AS"},
};

static void check_pair(const struct pair *row)
{
    struct peer_run run;
    char history[TCA_ZEEK_LETTERS + 1];
    for (size_t at = 0; at < sizeof peer_frames / sizeof peer_frames[0]; at++) {
        peer_begin(&run, &peer_frames[at], row->port);
        peer_words(&run, row->script);
        snprintf(history, sizeof history, "%.*s", run.peer.zeek.letters, run.peer.zeek.history);
        ck_assert_msg(!strcmp(tca_zeek_conn_state(&run.peer.zeek), row->state) &&
                          !strcmp(history, row->history),
                      "%s: %s\n  %s %s, got %s %s (frame %zu)", row->why, row->script, row->state,
                      row->history, tca_zeek_conn_state(&run.peer.zeek), history, at);
    }
}

ROW_TEST(zeek_pair, check_pair, &pairs[_i])
ROW_TEST(zeek_decision, check_pair, &decisions[_i])

/* ---- Zeek: rules of the history ---- */

static const struct pair letters[] = {
    {"S once for a number", 80, ">S >S >S", "S0", "S"},
    {"H once for a number", 80, ">S <SA <SA", "S1", "Sh"},
    {"S and H share a slot: another number shows again", 80, ">S <SA <SA@7", "S1", "Shh"},
    {"F again with another end", 80, ">S <SA >A >FA >FA@1 >FA@9", "S2", "ShAFF"},
    {"F at the same end from another begin", 80, ">S <SA >A >FA:9@1 >FA@10", "S2", "ShAF"},
    {"R again with another number", 80, ">S <SA >A >R >R >R@99", "RSTO", "ShARR"},
    {"A and D once for a role", 80, ">S <SA >A >PA:9 <PA:9 >A >PA:9 <A <PA:9", "S1", "ShADda"},
    {"data with FIN is no D", 80, ">S <SA >A >FA:9", "S2", "ShAF"},
    {"data with SYN is no D, and counts as sent", 80, ">S:9", "S0", "ST"},
    {"RST+ACK is no A", 80, ">S <SA >RA", "RSTO", "ShR"},
    {"no flag and nothing in it: no letter", 80, ">S <SA >A >P", "S1", "ShA"},
    {"I once", 80, ">S <SA >FR >FR@9", "RSTO", "ShI"},
    {"Q once", 80, ">SF >SF", "SH", "Q"},
    {"T: payload that ends below what was sent", 80, ">S <SA >A >PA:9 >PA:9@1", "S1", "ShADT"},
    {"T: ends where the last one ended", 80, ">S <SA >A >PA:9 >PA:4@6", "S1", "ShADT"},
    {"no T: a byte more", 80, ">S <SA >A >PA:9 >PA:10@1", "S1", "ShAD"},
    {"T: the byte of a keep-alive", 80, ">S <SA >A >PA:9 <A >PA:1@9", "S1", "ShADaT"},
    {"no T: an empty keep-alive", 80, ">S <SA >A >PA:9 <A >A@9", "S1", "ShADa"},
    {"no T: SYN and FIN again", 80, ">S*3 <SA*3 >A >FA@1*3 <FA@1*3", "SF", "ShAFf"},
    {"T at 1, 10, 100", 80, ">S <SA >A >PA:9 >PA:9@1*9", "S1", "ShADT"},
    {"T at 1, 10, 100: ten", 80, ">S <SA >A >PA:9 >PA:9@1*10", "S1", "ShADTT"},
    {"T at 1, 10, 100: ninety-nine", 80, ">S <SA >A >PA:9 >PA:9@1*99", "S1", "ShADTT"},
    {"T at 1, 10, 100: hundred", 80, ">S <SA >A >PA:9 >PA:9@1*100", "S1", "ShADTTT"},
    {"W: zero window", 80, ">S <SA >A >PA:9 <Az", "S1", "ShADaw"},
    {"W on ten", 80, ">S <SA >A >PA:9 <A*10z", "S1", "ShADaww"},
    {"no W with RST", 80, ">S <SA >A <Rz", "RSTR", "ShAr"},
    {"no W behind the other's FIN", 80, ">S <SA >A >FA <Az", "S2", "ShAFa"},
    {"W behind one's own FIN", 80, ">S <SA >A >FA <A >Az", "S2", "ShAFaW"},
    {"no W behind one's own RST", 80, ">S <SA >A >R >Az", "RSTO", "ShAR"},
    {"C: a damaged one is nothing else", 80, ">S <SA >A >PA:9b <RAb >Ab", "S1", "ShACc"},
    {"C at 1 and 10", 80, ">S <SA >A*10b", "S1", "ShCC"},
    {"damaged ones cut records too", 9999, ">Sb <SAb", "OTH", "C"},
    {"G: acknowledged, never seen", 80, ">S <SA >A >PA:9@10 <A^19", "S1", "ShADaG"},
    {"G: one for each hole, the second is not told", 80, ">S <SA >A >PA:9@10 >PA:9@29 <A^38", "S1", "ShADaG"},
    {"no G: the hole was filled", 80, ">S <SA >A >PA:9@10 >PA:9@1 <A^19", "S1", "ShADTa"},
    {"no G: acknowledged below the hole", 80, ">S <SA >A >PA:9@1 >PA:9@20 <A^10", "S1", "ShADa"},
    {"no second G for what stood above the hole", 80, ">S <SA >A >PA:9@10 <A^15 <A^19", "S1", "ShADaG"},
    {"no G behind a RST", 80, ">S <SA >A >PA:9@10 <RA^19", "RSTR", "ShADr"},
    {"no G of one that was reset", 80, ">S <SA >A >PA:9@10 >R <A^19", "RSTO", "ShADRa"},
    {"no G of one byte behind an early ACK", 80, ">S <A <SA >A >PA:1x <A", "S1", "SahAD"},
    {"G with the FIN that acknowledges", 80, ">S <SA >A >PA:9@10 <FA^19", "S3", "ShADfG"},
    {"no G: midstream", 9999, ">PA:9@10 <A^40", "OTH", "Da"},
    {"no G: the ACK of a FIN", 80, ">S <SA >A >FA <A", "S2", "ShAFa"},
    {"G: payload that the snap length cut", 80, ">S <SA >A >PA:9x <A", "S1", "ShADaG"},
    {"G at 1 and 10", 80,
     ">S <SA >A >PA:1x <A >PA:1x <A >PA:1x <A >PA:1x <A >PA:1x <A >PA:1x <A >PA:1x <A >PA:1x <A >PA:1x <A "
     ">PA:1x <A",
     "S1", "ShADaGG"},
    {"more holes than are kept: one is forgotten", 80,
     ">S <SA >A >PA:1@10 >PA:1@20 >PA:1@30 >PA:1@40 >PA:1@50 >PA:1@60 <A^61", "S1", "ShADaG"},
    {"a hole that nothing acknowledges: no more holes", 80, ">S <SA >A >PA:9@20000 <A^20009", "S1", "ShADa"},
    {"^ with data of a server's port", 80, "<PA:9", "OTH", "^d"},
    {"^ not where both are: the lower serves", 8080, ">PA:9", "OTH", "D"},
    {"Hs^: turned by the SYN, unknown port", 9999, "<SA >S >A", "S1", "Hs^A"},
    {"the SYN+ACK again, after the roles turned", 9999, "<SA >A <SA", "OTH", "^hAh"},
    {"H, then RST: a scan stays one", 9999, "<SA >R", "REJ", "Hr"},
};
ROW_TEST(zeek_letter, check_pair, &letters[_i])

/* Both ports likely: the lower one serves, unless a SYN+ACK speaks. */
START_TEST(zeek_both_ports)
{
    static const struct {
        uint16_t client, server;
        const char *script, *history;
    } rows[] = {
        {8080, 80, "<PA:9", "^d"}, {80, 8080, "<PA:9", "D"},  {8080, 80, "<SA", "H"},
        {40000, 80, "<SA", "^h"},  {40000, 9999, "<SA", "H"}, {8080, 9999, "<A", "A"},
    };
    struct peer_run run;
    peer_begin(&run, &peer_frames[0], rows[_i].server);
    run.port[0] = rows[_i].client;
    peer_words(&run, rows[_i].script);
    ck_assert_str_eq(run.peer.zeek.history, rows[_i].history);
}
END_TEST

/* ---- Zeek: each state with each event ---- */

/* INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET */
static const char *const zeek_states[] = {"in", "ss", "sa", "pa", "es", "cl", "rs"};
static const char *const zeek_events[] = {"S", "SA", "A", "PA:9", "FA", "RA", "FRA"};

/* The sender's state after each event; capitals: it changed. `orig`: the originator sends. */
static const struct machine_row {
    bool orig;
    const char *before, *script;
    uint16_t port;
    const char *after[7];
} machine[] = {
    /* clang-format off */
    /*                                            S     SA    A     data  FIN   RST   FIN+RST */
    {true, "in", "<SA", 80,                       {"SS", "SA", "ES", "ES", "CL", "RS", "RS"}},
    {true, "in", "<PA:9", 80,                     {"SS", "SA", "PA", "PA", "CL", "RS", "RS"}},
    {true, "ss", ">S", 80,                        {"ss", "ss", "ss", "ss", "CL", "RS", "RS"}},
    {true, "sa", ">SA", 9999,                     {"sa", "sa", "sa", "sa", "CL", "RS", "RS"}},
    {true, "pa", ">A@1", 9999,                    {"SS", "pa", "pa", "pa", "CL", "RS", "RS"}},
    {true, "pa", ">A@1 <A", 9999,                 {"pa", "pa", "pa", "pa", "CL", "RS", "RS"}},
    {true, "es", ">S <SA", 80,                    {"es", "es", "es", "es", "CL", "RS", "RS"}},
    {true, "cl", ">S <SA >FA", 80,                {"SS", "cl", "cl", "cl", "cl", "RS", "RS"}},
    {true, "cl", ">S <SA >FA <FA", 80,            {"SS", "cl", "cl", "cl", "cl", "cl", "cl"}},
    {true, "rs", ">S <SA >R", 80,                 {"SS", "rs", "rs", "rs", "rs", "rs", "rs"}},
    {false,"in", ">S", 80,                        {"ES", "ES", "in", "PA", "CL", "RS", "RS"}},
    {false,"in", ">S >FA", 80,                    {"SS", "ES", "PA", "PA", "CL", "RS", "RS"}},
    {false,"in", ">A", 9999,                      {"SS", "ES", "PA", "PA", "CL", "RS", "RS"}},
    {false,"pa", ">A@1 <A", 9999,                 {"SS", "pa", "pa", "pa", "CL", "RS", "RS"}},
    {false,"es", ">S <SA", 80,                    {"SS", "es", "es", "es", "CL", "RS", "RS"}},
    {false,"cl", ">S <SA <FA", 80,                {"SS", "cl", "cl", "cl", "cl", "RS", "RS"}},
    {false,"rs", ">S <RA", 80,                    {"SS", "rs", "rs", "rs", "rs", "rs", "rs"}},
    /* clang-format on */
};

static const char *zeek_state(const struct peer_run *run, bool orig)
{
    const struct tca_zeek *zeek = &run->peer.zeek;
    return zeek_states[zeek->end[orig ? zeek->orig : 1 - zeek->orig].state];
}

START_TEST(zeek_machine)
{
    const struct machine_row *row = &machine[_i / ROWS(zeek_events)];
    int event = _i % ROWS(zeek_events);
    struct peer_run run;
    char word[16];
    peer_begin(&run, &peer_frames[1], row->port);
    peer_words(&run, row->script);
    ck_assert_str_eq(zeek_state(&run, row->orig), row->before);
    bool client = row->orig == (run.peer.zeek.orig == run.frame.client);
    snprintf(word, sizeof word, "%c%s", client ? '>' : '<', zeek_events[event]);
    peer_words(&run, word);
    int sender = client ? run.frame.client : 1 - run.frame.client;
    const char *after = zeek_states[run.peer.zeek.end[sender].state];
    ck_assert_msg(!strcasecmp(after, row->after[event]), "%s, then %s: %s, got %s", row->script, word,
                  row->after[event], after);
}
END_TEST

/* What a segment does to the other end. */
START_TEST(zeek_other_end)
{
    static const struct {
        const char *script, *orig, *resp;
    } rows[] = {
        {">S <SA", "es", "es"},        {">S <S", "es", "es"},
        {">S <A", "ss", "in"},         {">S <SA >FA >R <FA", "cl", "cl"},
        {">S <SA >R <FA", "rs", "cl"}, {">S <SA <FA <R >FA", "cl", "cl"},
        {"<SA >A", "es", "es"},
    };
    struct peer_run run;
    peer_begin(&run, &peer_frames[2], 80);
    peer_words(&run, rows[_i].script);
    ck_assert_str_eq(zeek_state(&run, true), rows[_i].orig);
    ck_assert_str_eq(zeek_state(&run, false), rows[_i].resp);
}
END_TEST

/* Letters tell the first of ten; the count behind them tells each hole. */
START_TEST(zeek_holes)
{
    static const struct {
        const char *script;
        uint32_t holes;
    } rows[] = {
        {">PA:9@10 >PA:9@29 <A^38", 2},
        {">PA:9@10 >PA:9@29 >PA:10@19 <A^38", 1},
        {">PA:9@29 >PA:9@10 <A^50", 3},
        {">PA:9@10 >PA:9@15 >PA:9@12 <A^24", 1},
        {">PA:1@10 >PA:1@20 >PA:1@30 >PA:1@40 <A^41", 4},
        {">PA:1@40 >PA:1@30 >PA:1@20 >PA:1@10 >PA:1@11 <A^41", 4},
        {">PA:1@10 >PA:1@20 >PA:1@30 >PA:1@40 >PA:1@50 <A^51", 4},
        {">PA:1@40 >PA:1@30 >PA:1@20 >PA:1@10 >PA:1@5 <A^41", 4},
        {">PA:1@10 >PA:1@20 >PA:12@9 <A^21", 1},
        {">PA:1@10 >PA:1@20 >PA:20@1 <A^21", 0},
    };
    for (size_t at = 0; at < sizeof peer_frames / sizeof peer_frames[0]; at++) {
        struct peer_run run;
        peer_begin(&run, &peer_frames[at], 80);
        peer_words(&run, ">S <SA >A");
        peer_words(&run, rows[_i].script);
        ck_assert_uint_eq(run.peer.zeek.end[run.frame.client].count[TCA_ZEEK_GAP], rows[_i].holes);
    }
}
END_TEST

/* A history has an end here: it says so, and the state is still right. */
START_TEST(zeek_long_history)
{
    struct peer_run run;
    peer_begin(&run, &peer_frames[0], 80);
    peer_words(&run, ">S <SA");
    for (int n = 0; n < 100; n++) {
        char word[16];
        snprintf(word, sizeof word, ">R@%d", n);
        peer_words(&run, word);
    }
    ck_assert(run.peer.zeek.cut);
    ck_assert_int_eq(run.peer.zeek.letters, TCA_ZEEK_LETTERS);
    ck_assert_str_eq(tca_zeek_conn_state(&run.peer.zeek), "RSTO");
}
END_TEST

/* A bad checksum is nothing where no good ones are the rule. */
START_TEST(checksums)
{
    static const struct {
        bool strict;
        const char *script, *history;
    } rows[] = {
        {false, ">Sb <SAb >Ab >PA:9b", "ShAD"},
        {false, ">S <SA >A >PA:9 >PA:9b <A^10", "ShADCa"},
        {true, ">Sb <SAb >Ab", "Cc"},
    };
    struct peer_run run;
    peer_begin(&run, &peer_frames[0], 9999);
    run.strict = rows[_i].strict;
    peer_words(&run, rows[_i].script);
    ck_assert_str_eq(run.peer.zeek.history, rows[_i].history);
}
END_TEST

/* ---- nf_conntrack ---- */

static const struct tracked {
    const char *why, *script, *state;
} tracked[] = {
    {"SYN", ">S", "SYN_SENT"},
    {"SYN+ACK", ">S <SA", "SYN_RECV"},
    {"open", ">S <SA >A", "ESTABLISHED"},
    {"FIN", ">S <SA >A >FA", "FIN_WAIT"},
    {"FIN acknowledged", ">S <SA >A >FA <A", "CLOSE_WAIT"},
    {"both FINs", ">S <SA >A >FA <A <FA", "LAST_ACK"},
    {"both at once", ">S <SA >A >FA <FA", "LAST_ACK"},
    {"the end", ">S <SA >A >FA <A <FA >A", "TIME_WAIT"},
    {"refused: the entry goes", ">S <RA", ""},
    {"the client's own RST: likewise", ">S >R", ""},
    {"... and the SYN again makes another", ">S <RA >S", "SYN_SENT"},
    {"reset", ">S <SA >A <RA", "CLOSE"},
    {"both open at once", ">S <S", "SYN_SENT2"},
    {"both open at once, answered", ">S <S >SA", "SYN_RECV"},
    {"picked up with an ACK", ">A", "ESTABLISHED"},
    {"picked up with data", "<PA:9 >A", "ESTABLISHED"},
    {"nothing begins with a FIN", ">FA", ""},
    {"... nor with a SYN+ACK", "<SA", ""},
    {"... nor with a RST", ">R", ""},
    {"an ACK for the SYN alone passes over", ">S <A", "SYN_SENT"},
    {"a client's ACK before the SYN+ACK", ">S >A", "SYN_SENT"},
    {"flags that none accepts", ">S <SA >A >F", "ESTABLISHED"},
    {"a SYN within", ">S <SA >A <A >Sn", "ESTABLISHED"},
    {"... that is answered", ">S <SA >A <A >Sn <SAn", "SYN_RECV"},
    {"a SYN in TIME_WAIT", ">S <SA >A >FA <A <FA >A >Sn", "SYN_SENT"},
    {"a SYN after a RST of the server", ">S <SA >A <RA >Sn", "CLOSE"},
    {"a SYN after one's own RST", ">S <SA >A >R >Sn", "SYN_SENT"},
    {"a RST below what was acknowledged", ">S <SA >A >PA:9 <A >R@3", "ESTABLISHED"},
    {"a RST above it, open", ">S <SA >A >PA:9 <A >R@99", "ESTABLISHED"},
    {"a RST that fits", ">S <SA >A >PA:9 <A >R@10", "CLOSE"},
    {"a RST below it, half open", ">S <SA >R@-5", "SYN_RECV"},
    {"a RST above it, half open", ">S <SA >R@99", "CLOSE"},
    {"a RST below it, closing", ">S <SA >A >PA:9 <A >FA >R@3", "CLOSE"},
    {"both open at once, and the second is done", "<S >S <SA >A", "ESTABLISHED"},
    {"an ACK for a SYN in LAST_ACK ends nothing", ">S <SA >A >FA <A <FA >Sn <A", "LAST_ACK"},
};

START_TEST(conntrack)
{
    for (size_t at = 0; at < sizeof peer_frames / sizeof peer_frames[0]; at++) {
        struct peer_run run;
        peer_begin(&run, &peer_frames[at], 80);
        peer_words(&run, tracked[_i].script);
        const char *got = tca_conntrack_name(&run.peer.conntrack);
        ck_assert_msg(!strcmp(got, tracked[_i].state), "%s: %s\n  %s, got %s", tracked[_i].why,
                      tracked[_i].script, tracked[_i].state, got);
    }
}
END_TEST

/* ---- clocks ---- */

static const struct ticking {
    const char *why;
    double hz, seconds;
    int segments;
    double delay_s; /* of the last one */
    uint32_t told;
} ticking[] = {
    {"Linux", 1000, 2, 10, 0, 1000},
    {"four to a tick", 250, 2, 10, 0, 250},
    {"300 is not 250", 300, 3, 10, 0, 300},
    {"Windows of old", 10, 6, 10, 0, 10},
    {"BSD", 2, 30, 30, 0, 2},
    {"microseconds", 1000000, 2, 10, 0, 1000000},
    {"across the wrap of a microsecond clock", 1000000, 9000, 100, 0, 1000000},
    {"a clock that is a little fast", 1010, 20, 10, 0, 1000},
    {"a rate nobody uses", 777, 20, 10, 0, 777},
    {"... needs ten seconds", 777, 2, 10, 0, 0},
    {"too short", 1000, 0.9, 10, 0, 0},
    {"too few ticks", 10, 4, 10, 0, 0},
    {"two segments", 100, 5, 2, 0, 100},
    {"the last one waited", 1000, 5, 10, 0.05, 1000},
    {"no clock at all", 0, 50, 10, 0, 0},
    {"faster than any clock", 1e8, 20, 50, 0, 0},
};

static struct tca_segment stamped(double at_s, double late_s, double hz)
{
    struct tca_segment seg = {.time_ns = PEER_EPOCH_NS + (int64_t)((at_s + late_s) * 1e9), .flags = TCA_ACK};
    seg.opt.has_ts = true;
    seg.opt.tsval = 0xffffff00u + (uint32_t)(uint64_t)(at_s * hz);
    return seg;
}

START_TEST(clock_rate)
{
    const struct ticking *row = &ticking[_i];
    struct tca_clock clock = {0};
    for (int n = 0; n < row->segments; n++) {
        bool last = n == row->segments - 1;
        struct tca_segment seg =
            stamped(row->seconds * n / (row->segments - 1), last ? row->delay_s : 0, row->hz);
        tca_clock_step(&clock, &seg);
    }
    ck_assert_msg(tca_clock_hz(&clock) == row->told, "%s: %u, got %u", row->why, row->told,
                  tca_clock_hz(&clock));
}
END_TEST

/* The stamps of another connection within one stream: no rate, rather than a wrong one. */
START_TEST(clock_jumps)
{
    struct tca_clock clock = {0};
    for (int n = 0; n < 20; n++) {
        struct tca_segment seg = stamped(n, 0, 1000);
        seg.opt.tsval += n < 10 ? 0 : 5000;
        tca_clock_step(&clock, &seg);
    }
    ck_assert_uint_eq(tca_clock_hz(&clock), 0);
}
END_TEST

/* ---- the clocks of one address ---- */

/* PEER PORT @ seconds OFFSET in seconds against the first line; the clock runs at `hz`, which every third one tells. */
static const struct kept {
    const char *why;
    uint32_t hz;
    const char *stamps;
    enum tca_clock_kind kind;
} kept[] = {
    {"nothing to compare", 1000, "A1@0+0", TCA_CLOCK_ALONE},
    {"... nor in several rows of one stream", 1000, "A1@0+0 A1@0+0 A1@0+0", TCA_CLOCK_ALONE},
    {"one line", 1000, "A1@0+0 A2@5+0 B1@90+0", TCA_CLOCK_ONE},
    {"... with a segment that waited", 1000, "A1@0-0.02 A2@5-0.08 B1@90-0.01", TCA_CLOCK_ONE},
    {"... of a clock that drifts", 1000, "A1@0+0 A2@10000+0.9", TCA_CLOCK_ONE},
    {"... of slow ticks", 10, "A1@0+0 A2@50+0 A3@70+0", TCA_CLOCK_ONE},
    {"two connections on two lines: two hosts, or chance?", 1000, "A1@0+0 A2@5+99", TCA_CLOCK_UNKNOWN},
    {"each its own", 1000, "A1@0+0 A2@5+99 A3@6+5000", TCA_CLOCK_PER_CONNECTION},
    {"each pair its own", 1000, "A1@0+0 A2@5+0 B1@6+99 B2@7+99 C1@8+5000", TCA_CLOCK_PER_CONNECTION},
    {"two pairs: too few for a habit", 1000, "A1@0+0 A2@5+0 B1@6+99 B2@7+99", TCA_CLOCK_UNKNOWN},
    {"three pairs, two of them alike", 1000, "A1@0+0 B1@5+0 C1@6+99", TCA_CLOCK_UNKNOWN},
    {"several hosts behind one address", 1000, "A1@0+0 A2@5+99 A3@6+0 A4@7+99", TCA_CLOCK_SEVERAL},
    {"a tuple used again keeps its own offset", 1000, "A1@0+0 A2@5+99 A1@6+0 A2@7+99", TCA_CLOCK_UNKNOWN},
    {"restarted: the second line is lower", 1000, "A1@0+0 A2@5+0 A3@60-5000 A4@70-5000", TCA_CLOCK_RESTARTED},
    {"a higher one may be another host", 1000, "A1@0+0 A2@5+0 A3@60+5000 A4@70+5000", TCA_CLOCK_UNKNOWN},
    {"restarted, or three connections and chance?", 1000, "A1@0+0 A2@5+0 A3@60-5000", TCA_CLOCK_UNKNOWN},
    {"many, each its own", 1000, "A1@0+0 A2@1+9 A3@2+20 A4@3+31 A5@4+43 A6@5+57 A7@6+72 A8@7+90 A9@8+110",
     TCA_CLOCK_PER_CONNECTION},
};

START_TEST(clock_kinds)
{
    struct tca_clock_stamp stamp[16] = {0};
    size_t count = 0;
    for (const char *at = kept[_i].stamps; *at; count++) {
        char peer;
        unsigned port;
        double seconds, offset;
        int used;
        ck_assert_int_eq(sscanf(at, "%c%u@%lf%lf%n", &peer, &port, &seconds, &offset, &used), 4);
        stamp[count].peer = (uint32_t)peer;
        stamp[count].port[0] = (uint16_t)port;
        stamp[count].time_ns = PEER_EPOCH_NS + (int64_t)(seconds * 1e9);
        stamp[count].value = 0xfffff000u + (uint32_t)(int64_t)((seconds + offset) * kept[_i].hz);
        stamp[count].hz = count % 3 ? 0 : kept[_i].hz;
        at += used;
        at += strspn(at, " ");
    }
    struct tca_clocks clocks = {.stamp = stamp, .count = count};
    tca_clocks_sort(&clocks);
    enum tca_clock_kind kind = tca_clock_kind(stamp, clocks.count);
    ck_assert_msg(kind == kept[_i].kind, "%s: '%s', got '%s'", kept[_i].why,
                  tca_clock_kind_name(kept[_i].kind), tca_clock_kind_name(kind));
}
END_TEST

/* Without a rate only one line is told, or what holds at each rate. */
START_TEST(clock_kinds_no_rate)
{
    struct tca_clock_stamp stamp[3] = {0};
    for (int n = 0; n < 3; n++)
        stamp[n] = (struct tca_clock_stamp){.time_ns = n * INT64_C(7000000000),
                                            .port = {(uint16_t)n, 80},
                                            .value = 5000 + 700u * (uint32_t)n};
    ck_assert_int_eq(tca_clock_kind(stamp, 3), TCA_CLOCK_ONE);
    stamp[2].value += 1000000;
    ck_assert_int_eq(tca_clock_kind(stamp, 3), TCA_CLOCK_UNKNOWN);
    stamp[1].value += 90000000;
    ck_assert_int_eq(tca_clock_kind(stamp, 3), TCA_CLOCK_PER_CONNECTION);
    stamp[0].hz = 100;
    stamp[1].hz = 1000; /* two systems, perhaps */
    ck_assert_int_eq(tca_clock_kind(stamp, 3), TCA_CLOCK_UNKNOWN);
    for (int n = 0; n < 3; n++) /* no clock: it stands still */
        stamp[n] = (struct tca_clock_stamp){
            .time_ns = n * INT64_C(500000000), .port = {(uint16_t)n, 80}, .value = 5000};
    ck_assert_int_ne(tca_clock_kind(stamp, 3), TCA_CLOCK_ONE);
}
END_TEST

/* ---- the line ---- */

/* Kinds of conversations: how much of the payload is in the file, and where numbers and stamps begin. */
static const struct talk {
    const char *why;
    unsigned cut_in;      /* payload of one in so many is cut; 0: none is */
    uint32_t isn[2];      /* by key side */
    uint32_t stamp, tick; /* 0: no time stamps */
    unsigned odd_in;      /* one segment in so many is not the next one */
    unsigned taken_least; /* per cent of them that the line takes */
} talks[] = {
    {"whole payload", 0, {1000, 5000}, 7, 1, 40, 80},
    {"cut payload: a gap with each acknowledgment", 1, {1000, 5000}, 7, 1, 40, 80},
    {"some is cut", 3, {1000, 5000}, 0, 0, 40, 30},
    {"numbers wrap, and the line takes no more", 1, {0xfffff000u, 0xffff0000u}, 0xfffffff0u, 5, 50, 0},
    {"half of the circle", 0, {0x7fff0000u, 0x80000000u}, 7, 1, 0, 80},
    {"stamps wrap again and again", 0, {1000, 5000}, 7, 0x70000000u, 0, 40},
    {"nothing is as expected", 2, {1000, 0xffffff00u}, 7, 1, 2, 0},
};

struct talking {
    struct tca_segment seg; /* the newest of either side */
    uint32_t next[2], acked[2], stamp;
    int64_t now_ns;
    uint64_t random;
};

static unsigned talk_random(struct talking *t, unsigned below)
{
    t->random = t->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(t->random >> 33) % below;
}

/* Not the next: sent again, ahead, of no window, damaged, another flag, an older stamp. */
static void talk_oddly(struct talking *t, struct tca_segment *seg)
{
    switch (talk_random(t, 6)) {
    case 0:
        seg->seq -= 300;
        break;
    case 1:
        seg->seq += 300;
        break;
    case 2:
        seg->window = 0;
        break;
    case 3:
        seg->checksum = TCA_CHECKSUM_BAD;
        break;
    case 4:
        seg->ack += talk_random(t, 2) ? 70 : (uint32_t)-70;
        break;
    default:
        seg->opt.tsval -= 1000;
        seg->time_ns -= 2000000000;
        break;
    }
}

static int talk_on(struct talking *t, const struct talk *talk, unsigned number)
{
    int side = (int)talk_random(t, 2);
    uint32_t len = number > 2 && talk_random(t, 2) ? 1 + talk_random(t, 1400) : 0;
    struct tca_segment *seg = &t->seg;
    *seg = (struct tca_segment){.family = 4, .window = 500, .sport = 40000, .dport = 80, .flags = TCA_ACK};
    if (number < 2) {
        side = number == 1;
        seg->flags = number ? TCA_SYN | TCA_ACK : TCA_SYN;
    }
    t->now_ns += talk_random(t, 3000000);
    t->stamp += talk_random(t, 3) * talk->tick;
    if (talk_random(t, 3))
        t->acked[side] = t->next[1 - side];
    seg->frame = number + 1;
    seg->time_ns = t->now_ns;
    seg->checksum = talk_random(t, 2) ? TCA_CHECKSUM_GOOD : TCA_CHECKSUM_UNVERIFIED;
    seg->seq = t->next[side];
    seg->ack = t->acked[side];
    seg->len = len;
    seg->captured = talk->cut_in && !talk_random(t, talk->cut_in) ? len / 2 : len;
    seg->opt.has_ts = talk->tick != 0;
    seg->opt.tsval = talk->tick ? t->stamp : 0;
    t->next[side] += len + (number < 2);
    if (number > 3 && talk->odd_in && !talk_random(t, talk->odd_in))
        talk_oddly(t, seg);
    return side;
}

START_TEST(line)
{
    enum { SEGMENTS = 20000, LOOKS = 97 };
    const struct talk *talk = &talks[_i];
    struct talking t = {.next = {talk->isn[0], talk->isn[1]},
                        .acked = {talk->isn[0], talk->isn[1]},
                        .stamp = talk->stamp,
                        .now_ns = PEER_EPOCH_NS,
                        .random = 1};
    struct tca_peer views = {0};
    struct tca_peers lined = {0}, settled;
    unsigned taken = 0;
    for (unsigned number = 0; number < SEGMENTS; number++) {
        int side = talk_on(&t, talk, number);
        tca_peer_step(&views, &t.seg, side, true);
        tca_peers_step(&lined, &t.seg, side, true);
        taken += lined.line.moved;
        if (number % LOOKS && number + 1 < SEGMENTS)
            continue;
        memcpy(&settled, &lined, sizeof settled);
        tca_peers_settle(&settled);
        ck_assert_msg(!memcmp(&settled.peer, &views, sizeof views), "%s: differs at segment %u", talk->why,
                      number);
    }
    ck_assert_msg(taken >= SEGMENTS / 100 * talk->taken_least, "%s: the line took only %u", talk->why, taken);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peer");

    add_case(suite, "zeek: pairs", zeek_pair, ROWS(pairs));
    add_case(suite, "zeek: decisions", zeek_decision, ROWS(decisions));
    add_case(suite, "zeek: letters", zeek_letter, ROWS(letters));
    add_case(suite, "zeek: both ports", zeek_both_ports, 6);
    add_case(suite, "zeek: machine", zeek_machine, ROWS(machine) * ROWS(zeek_events));
    add_case(suite, "zeek: the other end", zeek_other_end, 7);
    add_case(suite, "zeek: holes", zeek_holes, 10);
    add_case(suite, "zeek: long history", zeek_long_history, 1);
    add_case(suite, "checksums", checksums, 3);
    add_case(suite, "conntrack", conntrack, ROWS(tracked));
    add_case(suite, "line", line, ROWS(talks));
    add_case(suite, "clock: rates", clock_rate, ROWS(ticking));
    add_case(suite, "clock: jumps", clock_jumps, 1);
    add_case(suite, "clock: kinds", clock_kinds, ROWS(kept));
    add_case(suite, "clock: no rate", clock_kinds_no_rate, 1);
    return run_suite(suite);
}

/* SPDX-License-Identifier: MIT
 *
 * Findings: the registry generated from findings.def, and what a judge gives.
 *
 * A judge is a pure function of a case: one flow's dossier, what the sweep over its listener's other connections
 * showed, and facts of the capture. It never looks at bytes and never at another judge's result, except through
 * the order of the handshake and close lists (classify/judge.c).
 */
#ifndef TCA_CLASSIFY_FINDING_H
#define TCA_CLASSIFY_FINDING_H

#include "classify/facts.h"
#include "classify/pressure/pressure.h"
#include "classify/read/dossier.h"
#include "classify/sweep/host.h"
#include "classify/sweep/listener.h"
#include "classify/twin/twin.h"

enum tca_column {
    TCA_COLUMN_EVENT,     /* any number per flow: `findings` only */
    TCA_COLUMN_HANDSHAKE, /* exactly one per flow: the first of the list that holds */
    TCA_COLUMN_CLOSE,
};
enum tca_scope { TCA_SCOPE_FLOW, TCA_SCOPE_LISTENER, TCA_SCOPE_CAPTURE, TCA_SCOPE_HOST };
enum tca_severity { TCA_SEVERITY_INFO, TCA_SEVERITY_LOW, TCA_SEVERITY_MEDIUM, TCA_SEVERITY_HIGH };
enum tca_confidence { TCA_NO, TCA_POSSIBLE, TCA_PROBABLE, TCA_CERTAIN };
/* Where the reading was seen to be true: in a kernel's own account, in a public capture, in its source, or only in
 * packets we crafted. */
enum tca_origin { TCA_ORIGIN_KERNEL, TCA_ORIGIN_PUBLIC, TCA_ORIGIN_SOURCE, TCA_ORIGIN_CRAFTED };

enum tca_finding_id {
#define FINDING(id, ...) TCA_##id,
#include "classify/findings.def"
#undef FINDING
    TCA_FINDING_COUNT
};

struct tca_finding {
    const char *id;
    enum tca_column column;
    enum tca_scope scope;
    enum tca_severity severity;
    enum tca_origin origin;
    uint32_t needs;      /* enum tca_fact bits: without all of them it does not hold */
    bool normal;         /* a handshake or close that needs no mention in `verdict` */
    const char *meaning; /* one sentence */
    const char *proof;   /* the evidence rule */
    const char *doubt;   /* what else it could be, and what would decide it */
    const char *host;    /* what to look at or change on the host */
};
extern const struct tca_finding tca_findings[TCA_FINDING_COUNT];
/* By full id, NULL if there is none. */
const struct tca_finding *tca_finding_by_id(const char *id);

enum { TCA_PROOF_MAX = 12 };

/* One English sentence, full stop at the end; "" where there is nothing to say. */
struct tca_sentence {
    char text[200];
};

/* What a judge says. `confidence` TCA_NO: does not hold. */
struct tca_judgement {
    enum tca_finding_id id;
    enum tca_confidence confidence;
    uint8_t actor; /* TCA_CLIENT, TCA_SERVER, or TCA_ACTOR_PATH */
    uint8_t frame_count;
    int64_t time_ns;               /* when it happened */
    int64_t value;                 /* a number that belongs to it (copies, ns, ...) */
    const char *unit;              /* "pkts", "ns", "count"; NULL when value means nothing */
    struct tca_sentence *sentence; /* where the judge puts it in words; NULL: nobody reads them */
    uint32_t
        frame_capture[TCA_PROOF_MAX]; /* of a frame of another capture its ordinal; 0: of the flow's own */
    uint64_t frame[TCA_PROOF_MAX];    /* the frames that prove it; frame[0] is where to look first */
};
enum { TCA_ACTOR_PATH = 2 };

/* All that a judge may look at. */
struct tca_case {
    const struct tca_dossier *d;
    const struct tca_listener
        *listener; /* what the sweep showed of d's server address and port; never NULL */
    const struct tca_host
        *host[2]; /* by role: what their other connections show of these systems; never NULL */
    const struct tca_pressed *pressed; /* what the attempts of others show of this flow; never NULL */
    const struct tca_twin *twin;       /* the same connection in other captures; NULL: none known */
    bool again;                        /* another row tells this connection, where each is told once */
    enum tca_vantage vantage;          /* where the capture was taken, for this host pair or by --vantage */
    bool lossy; /* the capture itself tells of packets that it lost, of so many that silence is worth less */
    struct tca_memory *memory; /* what judges have read of it so far (memory.h); NULL: they read it anew */
};

typedef void tca_judge(const struct tca_case *c, struct tca_judgement *j);
#define FINDING(id, ...) tca_judge judge_##id;
#include "classify/findings.def"
#undef FINDING

/* Everything that holds for one flow. judgement[handshake] and [close] always exist. */
enum { TCA_JUDGEMENTS_MAX = 40 };
struct tca_verdict {
    struct tca_judgement
        judgement[TCA_JUDGEMENTS_MAX]; /* handshake first, close second, then events in registry order */
    uint8_t count;
    int verdict; /* index of the one to read first; -1: normal */
};
/* The case's memory, if it has one, is begun anew and goes on to serve whoever asks about this case. */
void tca_judge_flow(const struct tca_case *c, struct tca_verdict *ret_verdict);
/* A judgement of this case in words: its judge is asked once more. */
void tca_judgement_say(const struct tca_case *c, const struct tca_judgement *j,
                       struct tca_sentence *ret_sentence);
/* True where another of its judgements names the cause of this one: that is the one to read first. */
bool tca_is_explained(const struct tca_verdict *verdict, int at);

/* Helpers for judges: set confidence and time, add a proving frame, give it a number with its unit, lower by n levels (never below possible). */
void tca_hold(struct tca_judgement *j, enum tca_confidence confidence, int64_t time_ns);
void tca_prove(struct tca_judgement *j, const struct tca_mark *mark);
void tca_set_value(struct tca_judgement *j, int64_t value, const char *unit);
enum tca_confidence tca_lower(enum tca_confidence confidence, int levels);
void tca_say(struct tca_judgement *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

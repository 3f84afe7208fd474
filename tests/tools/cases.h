/* SPDX-License-Identifier: MIT
 *
 * The case folders captures/<family>/<case>/ (docs/design/cases.md): where they are, and running one through
 * the public API.
 */
#ifndef TEST_TOOLS_CASES_H
#define TEST_TOOLS_CASES_H

#include "files.h"

#include <tcpautopsy/plan.h>
#include <tcpautopsy/session.h>

enum { CASE_PATH_MAX = 1024, CASE_WORD_MAX = 200 };

/* All cases as "family/case", in byte order of family, then case. A folder is a case when it holds a story, a
 * script, a capture or expectations; captures/lab, which makes cases, is none. */
bool cases_list(const char *captures, struct names *ret_cases);

/* Run the case whose folder is the current directory: settings of args.txt, then its capture, then finish.
 * 0, or a negative code with words. A capture that could not be read whole is no failure here (its row in
 * captures tells). The caller ends it with case_run_done(), also after a failure. */
struct case_run {
    struct tca_session *session;
    struct tca_plan *plan;       /* of a series; NULL: none */
    const char *capture;         /* "capture.pcap" or "capture.pcapng"; NULL if there is none */
    char explain[CASE_WORD_MAX]; /* selector for explain.txt: `explain SELECTOR` in args.txt, else stream=0 */
};
int case_run(struct case_run *ret_run, struct tca_error *error);
/* The same with client.pcap and middle.pcap after it, as far as they exist. */
int case_run_twins(struct case_run *ret_run, struct tca_error *error);
/* The same of all other captures of the folder, by a plan: pieces of a series. */
int case_run_series(struct case_run *ret_run, struct tca_error *error);
void case_run_done(struct case_run *run);

#endif

/* SPDX-License-Identifier: MIT
 *
 * --help and --version, printed from the tables.
 */
#include "options.h"

#include "sandbox.h"

#include <stdio.h>
#include <string.h>
#include <tcpautopsy/registry.h>

enum { WIDTH = 80, OPTION_INDENT = 29 };

void help_wrap(const char *head, const char *text)
{
    int indent = (int)strlen(head), column = indent;
    printf("%s", head);
    bool first = true;
    while (*text) {
        int word = (int)strcspn(text, " ");
        if (!first && column + 1 + word > WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
            first = true;
        }
        printf("%s%.*s", first ? "" : " ", word, text);
        column += word + !first;
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const struct option_info *info)
{
    char head[64], text[512];
    int used = info->letter ? snprintf(head, sizeof head, "  -%c, ", info->letter)
                            : snprintf(head, sizeof head, "      ");
    snprintf(head + used, sizeof head - (size_t)used, "--%s%s%s", info->name, info->argument ? " " : "",
             info->argument ? info->argument : "");
    snprintf(text, sizeof text, "%s%s%s%s%s%s", info->meaning, info->standard ? " (default: " : "",
             info->standard ? info->standard : "", info->standard ? ")" : "", info->cost ? "; " : "",
             info->cost ? info->cost : "");
    size_t width = strlen(head);
    if (width + 1 > OPTION_INDENT) { /* a long name has a line of its own */
        puts(head);
        width = 0;
    }
    memset(head + width, ' ', OPTION_INDENT - width);
    head[OPTION_INDENT] = '\0';
    help_wrap(head, text);
}

static bool shown(const struct option_info *info, const struct request *req)
{
    return !req->command_typed || info->commands & 1u << req->command;
}

static void print_group(enum option_group group, const struct request *req)
{
    bool any = false;
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option_info *info = &option_table[i];
        if (info->group != group || !shown(info, req))
            continue;
        if (!any)
            printf("\n%s:\n", group_title[group]);
        any = true;
        print_option(info);
    }
}

static void print_exit(void)
{
    puts("\nExit status:");
    for (size_t i = 0; i < exit_count; i++) {
        char head[16];
        snprintf(head, sizeof head, "  %-5d", exit_table[i].value);
        help_wrap(head, exit_table[i].meaning);
    }
}

static void print_commands(void)
{
    puts("\nCommands:");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        char head[64];
        snprintf(head, sizeof head, "  %-8s %-20s ", command_table[i].name, command_table[i].arguments);
        help_wrap(head, command_table[i].meaning);
    }
    help_wrap("  SELECTOR is ",
              "stream=N, frame=N (c2: before N for the second capture), flow=c1f3456, cid=1:..., "
              "IP:PORT-IP:PORT[@TIME] or finding=ID[:K]");
}

void help_print(const struct request *req)
{
    const struct command_info *command = &command_table[req->command];
    if (req->command_typed) {
        printf("usage: tcpautopsy %s [OPTION]... %s\n\n", command->name, command->arguments);
        help_wrap("", command->meaning);
    } else {
        puts("usage: tcpautopsy [COMMAND] [OPTION]... CAPTURE...\n"
             "       tcpautopsy [COMMAND] [OPTION]... -r CAPTURE... [BPF-EXPRESSION]\n");
        help_wrap("", "Tells from captures alone what both ends' TCP state machines and queues were doing. "
                      "A capture is a pcap or pcapng file, or - for standard input; @FILE names one on each "
                      "line of FILE.");
        puts("\nexample: tcpautopsy incident.pcap");
        print_commands();
    }
    for (int group = 0; group < GROUP_COUNT; group++)
        print_group((enum option_group)group, req);
    print_exit();
}

void help_version(void)
{
    char details[1024];
    tca_version_details(details, sizeof details);
    size_t length = strlen(details);
    struct sandbox_force force = sandbox_possible();
    char words[160];
    sandbox_words(&force, words, sizeof words);
    printf("tcpautopsy %s\n%s%ssandbox: keeps from %s\n", tca_version(), details,
           length && details[length - 1] == '\n' ? "" : "\n", words);
}

/* SPDX-License-Identifier: MIT
 *
 * Completion for zsh: for each command the specifications that _arguments takes, an option's meaning among them.
 */
#include "manual.h"

static const char work[] =
    "_tcpautopsy_findings() { _values -s , finding $_tcpautopsy_ids \"$@\" }\n\n"
    "_tcpautopsy_first()\n"
    "{\n"
    "    _alternative 'commands:command:_tcpautopsy_commands' 'captures:capture:_files'\n"
    "}\n\n"
    "_tcpautopsy()\n"
    "{\n"
    "    local word typed=''\n"
    "    for word in ${words[2,CURRENT-1]}; do\n"
    "        if (( ${_tcpautopsy_names[(Ie)$word]} )); then\n"
    "            typed=$word\n"
    "            break\n"
    "        fi\n"
    "    done\n"
    "    _tcpautopsy_of \"$typed\"\n"
    "}\n\n"
    "_tcpautopsy \"$@\"\n";

/* Within single quotes, and within [...] or before a colon. */
static void put_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else {
            if (*text == '[' || *text == ']' || *text == ':' || *text == '\\')
                putchar('\\');
            putchar(*text);
        }
    }
}

static void put_name(const char *name)
{
    printf(" %s", name);
}

static void put_value(const struct option_value *value, const char *table)
{
    static const char *const kinds[] = {
        [VALUE_FILE] = "_files", [VALUE_FOLDER] = "_files -/", [VALUE_FINDING] = "_tcpautopsy_findings"};
    if (!value)
        return;
    if (value->kind == VALUE_WORDS)
        printf("(%s)", value->words);
    else if (value->kind == VALUE_FINDING)
        printf("%s %s", kinds[value->kind], value->words ? value->words : "");
    else if (value->kind == VALUE_COLUMN) {
        printf("_values -s , column");
        manual_columns(table, put_name);
    } else
        printf("%s", kinds[value->kind]);
}

/* '*--name=[meaning]:ARGUMENT:what it may be' */
static void put_flag(const char *flag, const char *joint, enum option option, int command)
{
    const struct option_info *info = &option_table[option];
    bool tabled = command >= 0 && manual_takes((enum command)command, OPTION_column);
    printf("            '*%s%s[", flag, info->argument ? joint : "");
    put_text(info->meaning);
    putchar(']');
    if (info->argument) {
        putchar(':');
        put_text(info->argument);
        putchar(':');
        put_value(manual_value(option, command >= 0 ? (enum command)command : COMMAND_summary),
                  tabled ? command_table[command].name : NULL);
    }
    puts("' \\");
}

static void put_option(enum option option, int command)
{
    const struct option_info *info = &option_table[option];
    char flag[64];
    if (info->letter)
        put_flag((char[]){'-', info->letter, '\0'}, "+", option, command);
    snprintf(flag, sizeof flag, "--%s", info->name);
    put_flag(flag, "=", option, command);
}

/* -1: no command was typed. */
static void put_command(int command)
{
    printf("    %s)\n        _arguments -s -S \\\n", command < 0 ? "*" : command_table[command].name);
    for (int option = 0; option < OPTION_COUNT; option++)
        if (command < 0 || manual_takes((enum command)command, (enum option)option))
            put_option((enum option)option, command);
    if (command < 0) {
        puts("            '1:command or capture:_tcpautopsy_first' '*:capture:_files'\n        ;;");
        return;
    }
    printf("            '1:command:(%s)'", command_table[command].name);
    switch (manual_word((enum command)command)) {
    case WORD_SELECTOR:
        printf(" '2:selector:_values -S \"\" selector %s' '*:capture:_files'", MANUAL_SELECTORS);
        break;
    case WORD_FINDING:
        printf(" '2:finding:{compadd -a _tcpautopsy_ids}'");
        break;
    case WORD_TABLE:
        fputs(" '2:table:(", stdout);
        manual_tables(put_name);
        fputs(")'", stdout);
        break;
    case WORD_CAPTURE:
    case WORD_FOLDER:
        printf(" '*:capture:_files'");
        break;
    }
    puts("\n        ;;");
}

static void put_commands(void)
{
    fputs("_tcpautopsy_names=(", stdout);
    for (int command = 0; command < COMMAND_COUNT; command++)
        put_name(command_table[command].name);
    puts(")\n\n_tcpautopsy_commands()\n{\n    local -a known=(");
    for (int command = 0; command < COMMAND_COUNT; command++) {
        printf("        '%s:", command_table[command].name);
        put_text(command_table[command].meaning);
        puts("'");
    }
    puts("    )\n    _describe command known\n}\n");
}

void manual_zsh(void)
{
    puts("#compdef tcpautopsy\n# SPDX-License-Identifier: MIT\n"
         "# zsh completion for tcpautopsy, made of the program's tables\n");
    put_commands();
    fputs("_tcpautopsy_ids=(", stdout);
    manual_findings(put_name);
    puts(")\n\n_tcpautopsy_of()\n{\n    case $1 in");
    for (int command = 0; command < COMMAND_COUNT; command++)
        put_command(command);
    put_command(-1);
    puts("    esac\n}\n");
    fputs(work, stdout);
}

#include "host/cmdline.h"

/* A kernel takes 4096 bytes of command line at most; what is longer is none. */
#define CMDLINE_BYTES_MAX  65536
#define CMDLINE_TOKENS_MAX 1024

struct token {
    struct str name, value;
    bool joined; /* an earlier token of this name has the value */
};

/* Cut the next token; blanks inside double quotes belong to it. */
static bool cut_token(struct str *rest, struct token *token)
{
    size_t n = 0;
    bool quoted = false;
    const char *equal;
    struct str s;

    *rest = str_trim(*rest);
    if (!rest->len)
        return false;
    while (n < rest->len && (quoted || (rest->p[n] != ' ' && rest->p[n] != '\t' &&
                                        rest->p[n] != '\n' && rest->p[n] != '\r'))) {
        quoted ^= rest->p[n] == '"';
        n++;
    }
    s = (struct str){rest->p, n};
    *rest = str_skip(*rest, n);
    equal = memchr(s.p, '=', s.len);
    if (equal)
        *token = (struct token){str_range(s.p, equal), str_range(equal + 1, s.p + s.len), false};
    else
        *token = (struct token){s, {s.p + s.len, 0}, false};
    return true;
}

/* Which kernel image and disk it was: differs between nodes that are alike. */
static bool is_identity(const struct token *token)
{
    static const char *const names[] = {
        "BOOT_IMAGE", "root", "resume",   "initrd", "rd.luks.uuid",       "rd.md.uuid",
        "rd.lvm.lv",  "ip",   "hostname", "BOOTIF", "systemd.machine_id", "resume_offset"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_is(token->name, names[i]))
            return true;
    return str_starts(token->value, "UUID=") || str_starts(token->value, "PARTUUID=");
}

void cmdline_facts(struct gather *gather, uint32_t line, struct str text)
{
    struct token tokens[CMDLINE_TOKENS_MAX];
    size_t count = 0;
    struct buf value = {0};

    if (text.len > CMDLINE_BYTES_MAX)
        text.len = CMDLINE_BYTES_MAX;
    while (count < CMDLINE_TOKENS_MAX && cut_token(&text, &tokens[count]))
        count++;
    for (size_t i = 0; i < count; i++) {
        struct gather_path path;

        if (tokens[i].joined || !tokens[i].name.len)
            continue;
        buf_clear(&value);
        buf_add(&value, tokens[i].value.p, tokens[i].value.len);
        for (size_t k = i + 1; k < count; k++) {
            if (tokens[k].joined || !str_eq(tokens[k].name, tokens[i].name))
                continue;
            tokens[k].joined = true;
            buf_puts(&value, ",");
            buf_add(&value, tokens[k].value.p, tokens[k].value.len);
        }
        gather->failed |= value.failed;
        gather_text(gather, GATHER_HOST, is_identity(&tokens[i]) ? FACT_IDENTITY : FACT_CONFIG,
                    line, gather_join(&path, "cmdline", tokens[i].name),
                    (struct str){value.p, value.len});
    }
    buf_done(&value);
}

int cmdline_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct gather gather;
    struct str rest = text, line;
    uint32_t number = 0;

    gather_init(&gather, node, source);
    while (str_line(&rest, &line)) {
        number++;
        /* The shell's prompt or an empty line may stand before it. */
        if (str_trim(line).len && line.p[0] != '$' && line.p[0] != '#') {
            cmdline_facts(&gather, number, line);
            break;
        }
    }
    return gather_done(&gather, err);
}

bool cmdline_looks_like(struct str text)
{
    struct str line;

    text = str_trim(text);
    if (text.len > CMDLINE_BYTES_MAX || !str_line(&text, &line) || text.len)
        return false;
    return str_starts(line, "BOOT_IMAGE=") || str_find(line, " root=") >= 0 ||
           str_starts(line, "initrd=");
}

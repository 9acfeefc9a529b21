/* tests/support/facts_of - a node made of lines, for rooms that stand on facts.
 *
 *     pci 0000:19:00.0 Express.LnkSta.Width = x8
 *     host cmdline.iommu = off
 *     ib mlx5_0/1 ib.state = ACTIVE
 *
 * Lines of one subject and one block that follow each other make one block. "+" and "-" are flags;
 * what reads as a number, a width, a speed or a size is a number; the rest is text. */
#ifndef SUPPORT_FACTS_OF_H
#define SUPPORT_FACTS_OF_H

#include "facts/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static inline bool facts_number(struct str path, struct str text, int64_t *out)
{
    static const struct {
        char unit;
        int shift;
    } sizes[] = {{'K', 10}, {'M', 20}, {'G', 30}, {'T', 40}};
    struct str head = text;
    double gt;

    if (str_starts(path, "Header.") && text.len && str_to_i64(text, 16, out) == 0)
        return true;
    if (str_to_i64(text, 10, out) == 0)
        return true;
    if (text.len > 1 && text.p[0] == 'x' && str_to_i64(str_skip(text, 1), 10, out) == 0)
        return true;
    if (str_ends(text, "GT/s")) {
        head.len -= 4;
        if (str_to_double(head, &gt) < 0)
            return false;
        *out = (int64_t)(gt * 1000 + 0.5);
        return true;
    }
    head.len -= head.len > 0;
    for (size_t i = 0; text.len && i < ARRAY_LEN(sizes); i++)
        if (text.p[text.len - 1] == sizes[i].unit && str_to_i64(head, 10, out) == 0) {
            *out <<= sizes[i].shift;
            return true;
        }
    return false;
}

static inline enum subject_kind facts_kind(struct str word)
{
    for (int i = 0; i < SUBJECT_KINDS; i++)
        if (str_is(word, subject_kind_name((enum subject_kind)i)))
            return (enum subject_kind)i;
    fail_msg("no such kind of subject: %.*s", STR_ARG(word));
    return SUBJECT_HOST;
}

static inline void facts_add(struct fact_builder *builder, struct str path, struct str value,
                             uint32_t line)
{
    struct str rest = path, block, reg = {0};
    int64_t number;
    uint32_t key;

    (void)str_cut(&rest, '.', &block);
    key = fact_key(builder, reg, rest);
    if (str_is(value, "+") || str_is(value, "-"))
        fact_flag(builder, FACT_CONFIG, line, key, str_is(value, "+"));
    else if (facts_number(path, value, &number))
        fact_number(builder, FACT_CONFIG, line, key, number, value);
    else
        fact_text(builder, FACT_CONFIG, line, key, value);
}

/* Add the facts that `lines` tell to the node, from a source of this kind. */
static inline void facts_of(struct node *node, const char *kind, const char *lines)
{
    uint16_t source = node_source(node, kind, kind, str_of(lines));
    struct str rest = str_of(lines), line, block = {0};
    uint32_t number = 0, first = 0, subject = 0;
    bool open = false;

    while (str_line(&rest, &line)) {
        struct str words = line, kind_word, name = STR(""), path, head, value;
        uint32_t now;

        number++;
        if (!str_word(&words, &kind_word))
            continue;
        if (!str_is(kind_word, "host"))
            assert_true(str_word(&words, &name));
        words = str_trim(words);
        assert_true(str_find(words, " = ") > 0 || str_ends(words, " ="));
        path = (struct str){words.p, (size_t)str_find(words, " =")};
        value = str_trim(str_skip(words, path.len + 2));
        now = node_subject(node, facts_kind(kind_word), name);
        head = path;
        (void)str_cut(&(struct str){path.p, path.len}, '.', &head);
        if (open && (now != subject || !str_eq(head, block))) {
            node_attach(node, subject, fact_end(node->builder), source, first);
            open = false;
        }
        if (!open) {
            fact_begin(node->builder, head);
            first = number;
            open = true;
        }
        subject = now;
        block = head;
        facts_add(node->builder, path, value, number - first);
    }
    if (open)
        node_attach(node, subject, fact_end(node->builder), source, first);
    assert_int_equal(node_ok(node), 0);
}

#endif

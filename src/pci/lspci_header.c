#include "pci/device_names.h"
#include "pci/lspci_lines.h"

#include "pci/registers.h"

#define CACHE_KIND 0x7020 /* and the shape */

/* Four hex digits at the start of `text`, or -1. */
static int hex4(struct str text)
{
    int value = 0;

    if (text.len < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        if (char_hex(text.p[i]) < 0)
            return -1;
        value = value << 4 | (text.p[i] <= '9' ? text.p[i] - '0' : (text.p[i] | 32) - 'a' + 10);
    }
    return value;
}

/* "vvvv:dddd" at the start of `text`. */
static bool ids(struct str text, int *vendor, int *device)
{
    *vendor = hex4(text);
    *device = *vendor >= 0 && text.len >= 9 && text.p[4] == ':' ? hex4(str_skip(text, 5)) : -1;
    return *device >= 0;
}

static void add_id(struct registers *r, uint32_t line, const char *name, int id)
{
    static const char digits[] = "0123456789abcdef";
    char text[4];

    if (id < 0)
        return;
    for (int i = 0; i < 4; i++)
        text[i] = digits[id >> (12 - 4 * i) & 15];
    registers_number(r, line, str_of(name), id, (struct str){text, 4});
}

/* A vendor and a device: "NVIDIA Corporation Device 2330", "... [10de:2330]", "10de:2330". */
struct named_ids {
    struct str name; /* without the ids in brackets */
    int vendor, device;
};

static struct named_ids names_parse(struct str text)
{
    struct named_ids out = {.name = text, .vendor = -1, .device = -1};
    ptrdiff_t device;
    uint16_t vendor;
    size_t len;

    if (ids(text, &out.vendor, &out.device) && text.len == 9) {
        out.name.len = 0;
        return out;
    }
    if (str_ends(text, "]") && text.len > 11 && text.p[text.len - 11] == '[' &&
        ids(str_skip(text, text.len - 10), &out.vendor, &out.device)) {
        out.name = str_trim((struct str){text.p, text.len - 11});
        return out;
    }
    out.vendor = out.device = -1;
    vendor = vendor_by_name(text, &len);
    if (vendor) {
        out.vendor = vendor;
        text = str_trim(str_skip(text, len));
    }
    device = str_find(text, "Device ");
    if (device >= 0 && (size_t)device + 11 == text.len)
        out.device = hex4(str_skip(text, (size_t)device + 7));
    return out;
}

/* Cut "(rev a1)", "(prog-if 00 [Normal decode])" off the end of the header. */
static bool take_paren(struct str *text, const char *word, struct str *inside)
{
    size_t i = text->len, word_len = strlen(word);

    while (i-- > 0)
        if (text->p[i] == '(' && text->len - i > word_len + 1 &&
            memcmp(text->p + i + 1, word, word_len) == 0)
            break;
    if (i == SIZE_MAX)
        return false;
    *inside = str_range(text->p + i + 1 + word_len, text->p + text->len);
    if (str_ends(*inside, ")"))
        inside->len--;
    *text = str_trim((struct str){text->p, i});
    return true;
}

struct device_class {
    struct str name;
    int number;   /* -1: not known */
    bool printed; /* the number stands in the text */
};

/* "3D controller [0302]", "0302", "Class 0302", "Non-Essential Instrumentation [1300]" */
static struct device_class class_parse(struct str text)
{
    struct device_class class = {.name = text, .number = -1};

    if (str_starts(text, "Class "))
        text = str_skip(text, 6);
    if (text.len == 4 && hex4(text) >= 0) {
        class.number = hex4(text);
        class.name.len = 0;
        class.printed = true;
    } else if (str_ends(text, "]") && text.len > 6 && text.p[text.len - 6] == '[' &&
               hex4(str_skip(text, text.len - 5)) >= 0) {
        class.number = hex4(str_skip(text, text.len - 5));
        class.name = str_trim((struct str){text.p, text.len - 6});
        class.printed = true;
    } else {
        class.number = class_by_name(text);
    }
    return class;
}

static void header_numbers(struct registers *r, const struct device_class *class,
                           const struct named_ids *device, struct str rev, struct str prog_if,
                           enum lspci_shape shape)
{
    struct str word = {0};
    uint64_t number;
    const char *kind;

    if (class->printed)
        add_id(r, 0, "class", class->number);
    add_id(r, 0, "vendor", device->vendor);
    add_id(r, 0, "device", device->device);
    if (rev.len && str_to_u64(rev, 16, &number) == 0)
        registers_number(r, 0, STR("rev"), (int64_t)number, rev);
    if (str_word(&prog_if, &word) && str_to_u64(word, 16, &number) == 0)
        registers_number(r, 0, STR("progif"), (int64_t)number, word);
    /* Nobody answered on the bus: what is left of the ids comes from the kernel's memory. */
    if (str_is(rev, "ff") && str_is(word, "ff"))
        registers_flag(r, 0, STR("gone"), true);
    kind = device_kind_name(class->number, device->vendor < 0 ? 0 : (uint16_t)device->vendor,
                            device->name);
    registers_text(r, 0, STR("kind"), str_of(kind));
    if (shape != LSPCI_SHAPE_UNKNOWN)
        registers_number(r, 0, STR("type"), shape == LSPCI_SHAPE_BRIDGE ? 1 : 2, (struct str){0});
    else if (class->number >= 0)
        registers_number(r, 0, STR("type"),
                         class->number == 0x0607                              ? 2
                         : class->number == 0x0604 || class->number == 0x0609 ? 1
                                                                              : 0,
                         (struct str){0});
}

static void header_line(struct registers *r, struct str text, enum lspci_shape shape)
{
    struct str prog_if = {0}, rev = {0}, class_text;
    struct device_class class;
    struct named_ids device;
    ptrdiff_t colon;

    (void)take_paren(&text, "prog-if ", &prog_if);
    (void)take_paren(&text, "rev ", &rev);
    colon = str_find(text, ": ");
    class_text = colon < 0 ? text : (struct str){text.p, (size_t)colon};
    class = class_parse(str_trim(class_text));
    device = names_parse(colon < 0 ? (struct str){0} : str_trim(str_skip(text, (size_t)colon + 2)));
    if (shape != LSPCI_SHAPE_LABELS)
        header_numbers(r, &class, &device, rev, prog_if, shape);
    if (class.name.len)
        registers_text(r, 0, STR("classname"), class.name);
    if (device.name.len)
        registers_text(r, 0, STR("name"), device.name);
}

static void below_line(struct registers *r, uint32_t line, struct str text, bool labels)
{
    struct named_ids ids_found;

    if (str_starts(text, "DeviceName:")) {
        registers_text(r, line, STR("label"), str_trim(str_skip(text, 11)));
    } else if (str_starts(text, "Subsystem:")) {
        ids_found = names_parse(str_trim(str_skip(text, 10)));
        add_id(r, line, "subvendor", labels ? -1 : ids_found.vendor);
        add_id(r, line, "subdevice", labels ? -1 : ids_found.device);
        if (ids_found.name.len)
            registers_text(r, line, STR("subsystem"), ids_found.name);
    }
}

const struct fact_block *lspci_header_parse(struct fact_builder *builder, struct str chunk,
                                            enum lspci_shape shape)
{
    const struct fact_block *block = fact_cached(builder, CACHE_KIND + shape, chunk);
    struct str rest = chunk, line;
    struct registers r;

    if (block)
        return block;
    registers_begin(&r, builder, STR("Header"));
    if (str_line(&rest, &line)) {
        if (line.len > REGISTERS_LINE_MAX)
            line.len = REGISTERS_LINE_MAX;
        header_line(&r, str_trim(line), shape);
    }
    for (uint32_t number = 1; str_line(&rest, &line); number++) {
        if (line.len > REGISTERS_LINE_MAX)
            line.len = REGISTERS_LINE_MAX;
        below_line(&r, number, str_trim(line), shape == LSPCI_SHAPE_LABELS);
    }
    return fact_end_cached(builder, CACHE_KIND + shape, chunk);
}

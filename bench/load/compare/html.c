/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/compare/html.h"

static const char style[] =
        ":root{color-scheme:light dark;--paper:#fcfcfb;--card:#fff;--text:#26292e;--soft:#646a73;"
        "--line:#dfe1e4;--axis:#8b9097;--grid:#e6e8ea;--best:#e3f3ea;--bad:#b3261e;"
        "--c0:#c4511a;--c1:#1f6fb5;--c2:#0c8f63;--c3:#7d838b;--c4:#a1489b;--c5:#b58900}\n"
        "@media(prefers-color-scheme:dark){:root{--paper:#16181b;--card:#1d2024;--text:#e4e6e9;"
        "--soft:#9aa1aa;--line:#33373d;--axis:#767d86;--grid:#2b2f35;--best:#183a2c;--bad:#ff8a80;"
        "--c0:#f08a4b;--c1:#5aa9ee;--c2:#3cc795;--c3:#9aa1aa;--c4:#d58ad0;--c5:#d9b13b}}\n"
        "*{box-sizing:border-box}\n"
        "body{margin:0;background:var(--paper);color:var(--text);"
        "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
        "main{max-width:1180px;margin:0 auto;padding:2.2rem 1.4rem 4rem}\n"
        "h1{font-size:1.75rem;line-height:1.2;margin:0 0 .3rem}\n"
        "h2{font-size:1.25rem;margin:2.6rem 0 .6rem}\n"
        "h3{font-size:1rem;margin:0 0 .2rem}\n"
        "p{margin:.4rem 0;max-width:48rem}.soft{color:var(--soft)}\n"
        ".bad{color:var(--bad)}\n"
        ".scroll{overflow-x:auto}\n"
        "table{border-collapse:collapse;width:100%;background:var(--card);font-size:.93rem}\n"
        "th,td{padding:.42rem .7rem;border-bottom:1px solid var(--line);text-align:right;"
        "vertical-align:top;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
        "th{font-weight:600;vertical-align:bottom}\n"
        "th:first-child,td:first-child{text-align:left;white-space:normal;min-width:16rem}\n"
        "tr.more td{padding-top:.1rem}tr:has(+tr.more) td{border-bottom:0;padding-bottom:.15rem}\n"
        "td small{display:block;color:var(--soft);font-size:.8rem}\n"
        "td.best{background:var(--best)}\n"
        "td.text,th.text{text-align:left;white-space:normal}\n"
        ".dot{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.4em}\n"
        ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));"
        "gap:1.1rem}\n"
        "figure{margin:0;padding:1rem 1rem .4rem;background:var(--card);"
        "border:1px solid var(--line);border-radius:8px}\n"
        "figure svg{width:100%;height:auto;display:block}\n"
        "figcaption{color:var(--soft);font-size:.85rem;margin-bottom:.3rem}\n"
        "code{font:.86em/1.5 ui-monospace,'DejaVu Sans Mono',monospace;overflow-wrap:anywhere}\n"
        "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;margin:.6rem 0}\n"
        "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
        "details{margin:.8rem 0}summary{cursor:pointer}\n"
        "@media print{main{max-width:none}figure{break-inside:avoid}}\n";

void html_text(FILE *file, const char *text)
{
        for (; *text; text++) {
                switch (*text) {
                case '<':
                        fputs("&lt;", file);
                        break;
                case '>':
                        fputs("&gt;", file);
                        break;
                case '&':
                        fputs("&amp;", file);
                        break;
                case '"':
                        fputs("&quot;", file);
                        break;
                default:
                        fputc(*text, file);
                }
        }
}

void html_begin(FILE *file, const char *title)
{
        fprintf(file, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                      "<title>");
        html_text(file, title);
        fprintf(file, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", style);
}

void html_end(FILE *file)
{
        fputs("</main>\n</body>\n</html>\n", file);
}

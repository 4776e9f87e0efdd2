<?php
// Stubs of the few WordPress functions that the plugin calls, as developer.wordpress.org describes them. The shortcode's attributes
// come in as JSON, and what it prints goes out as JSON.
define('ABSPATH', '/');

final class Stub
{
    public static array $shortcodes = [];
    public static array $filters = [];
    public static array $scripts = [];
    public static array $data = [];

    public function get_data(string $handle, string $key): mixed { return self::$data[$handle][$key] ?? false; }
}

function add_shortcode(string $tag, callable $f): void { Stub::$shortcodes[$tag] = $f; }
function add_filter(string $hook, callable $f, int $priority = 10, int $accepted = 1): void { Stub::$filters[$hook][] = [$f, $accepted]; }
function shortcode_atts(array $pairs, $atts, string $tag = ''): array { return array_merge($pairs, array_intersect_key((array) $atts, $pairs)); }
function esc_html(string $s): string { return htmlspecialchars($s, ENT_QUOTES, 'UTF-8', false); }
function esc_attr(string $s): string { return htmlspecialchars($s, ENT_QUOTES, 'UTF-8', false); }
function esc_url(string $s): string { return htmlspecialchars($s, ENT_QUOTES, 'UTF-8', false); }
function wp_enqueue_script(string $handle, string $src, array $deps, $version, $footer): void { Stub::$scripts[$handle] = $src; }
function wp_script_add_data(string $handle, string $key, $value): bool { Stub::$data[$handle][$key] = $value; return true; }
function wp_scripts(): Stub { return new Stub(); }

require __DIR__ . '/../wordpress/optin.php';

$form = (Stub::$shortcodes['optin'])(json_decode(file_get_contents('php://stdin'), true), '', 'optin');
$foot = '';
foreach (Stub::$scripts as $handle => $src) {
    $tag = sprintf("<script src=\"%s\" id=\"%s-js\"></script>\n", esc_url($src), $handle);
    foreach (Stub::$filters['script_loader_tag'] as [$f, $accepted]) {
        $tag = $f(...array_slice([$tag, $handle, $src], 0, $accepted));
    }
    $foot .= $tag;
}
echo json_encode(['Form' => $form, 'Foot' => $foot], JSON_THROW_ON_ERROR);

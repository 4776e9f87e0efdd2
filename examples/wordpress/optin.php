<?php
/**
 * Plugin Name: optin
 * Description: [optin site="…" url="…" purpose-text="…"] prints a signup form of optin.
 * Requires at least: 6.0
 * Requires PHP: 8.0
 */

defined('ABSPATH') || exit;

add_shortcode('optin', 'optin_form');
add_filter('script_loader_tag', 'optin_integrity', 10, 2);

/** The form: it works without its script. The box is never ticked beforehand: such a tick is no consent. */
function optin_form($given): string
{
    $a = shortcode_atts([
        'site' => '',
        'url' => '',
        'purpose-text' => '',
        'email-text' => 'E-mail',
        'button-text' => 'Subscribe',
        'script' => '',    // embed.<hash>.js
        'integrity' => '', // sha384-…; the script is only loaded with it
    ], $given, 'optin');
    if (!preg_match('/^[a-z0-9-]+$/D', $a['site']) || !preg_match('~^https?://[^/?#]+/?$~D', $a['url']) || $a['purpose-text'] === '') {
        return '<p>[optin] needs site="…", url="https://…" and purpose-text="…".</p>';
    }
    $base = rtrim($a['url'], '/');
    if (preg_match('/^embed\.[0-9a-f]{8}\.js$/D', $a['script']) && $a['integrity'] !== '') {
        wp_enqueue_script('optin', $base . '/' . $a['script'], [], null, true);
        wp_script_add_data('optin', 'integrity', $a['integrity']);
    }
    return sprintf(
        '<form data-optin="%s" method="post" action="%s">'
        . '<p><label>%s <input type="email" name="email" autocomplete="email" required></label></p>'
        . '<p><label><input type="checkbox" name="consent" value="true" required> %s</label></p>'
        . '<p><button>%s</button></p></form>',
        esc_attr($a['site']),
        esc_url($base . '/v1/sites/' . $a['site'] . '/subscriptions'),
        esc_html($a['email-text']),
        esc_html($a['purpose-text']),
        esc_html($a['button-text'])
    );
}

/** Holds the browser to the script's checksum (Subresource Integrity). */
function optin_integrity(string $tag, string $handle): string
{
    $sum = $handle === 'optin' ? wp_scripts()->get_data('optin', 'integrity') : false;
    return $sum ? str_replace(' src=', sprintf(' integrity="%s" crossorigin="anonymous" src=', esc_attr($sum)), $tag) : $tag;
}

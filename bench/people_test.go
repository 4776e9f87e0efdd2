package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// What people send: an address of 20 bytes at one of 40 domains, an IPv4 address with few others in its network, an
// agent of 110 bytes and a source of 40.
const (
	userAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
		"Chrome/143.0.0.0 Safari/537.3"
	source  = "https://gazette.example/lettre/s-abonner"
	domains = 40
)

func emailOf(person int) string { return fmt.Sprintf("p%07d@m%02d.example", person, person%domains) }

// personOf returns who has an address, as it stands in a header.
func personOf(to string) int {
	n, err := strconv.Atoi(between(to, "<p", "@"))
	if err != nil {
		return -1
	}
	return n
}

// ipOf returns the IP of a person, who shares their network with three others.
func ipOf(person int) string {
	network := person / 4
	return fmt.Sprintf("%d.%d.%d.%d", 11+network>>16, network>>8&255, network&255, 1+person%4)
}

// signupOf returns the request of a person's signup, as embed.js sends it and a proxy passes it on.
func signupOf(path string, person int) []byte {
	return post(path, "Content-Type: application/json\r\nOrigin: https://gazette.example\r\n"+
		"User-Agent: "+userAgent+"\r\nX-Forwarded-For: "+ipOf(person)+"\r\n",
		fmt.Sprintf(`{"email":%q,"consent":true,"locale":"fr","source":%q}`, emailOf(person), source))
}

// lookupOf returns the request by which a website asks for a person.
func lookupOf(path string, person int) []byte {
	return post(path, "Content-Type: application/json\r\nAuthorization: Bearer "+apiKey+"\r\n",
		fmt.Sprintf(`{"email":%q}`, emailOf(person)))
}

const apiKey = "gazette-api-key-of-the-benchmark"

const signupPath, lookupPath = "/v1/sites/gazette/subscriptions", "/v1/sites/gazette/lookup"

// pageOf and buttonOf return the requests of a person's browser that opens the page of a link and sends its form.
func pageOf(link string, person int) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: optin\r\n%s\r\n", link, browserOf(person))
}

func buttonOf(link, stamp string, person int) []byte {
	return post(link, browserOf(person)+"Content-Type: application/x-www-form-urlencoded\r\n", "stamp="+stamp)
}

func browserOf(person int) string {
	return "Accept: text/html\r\nUser-Agent: " + userAgent + "\r\nX-Forwarded-For: " + ipOf(person) + "\r\n"
}

// between returns the text between two others, or "".
func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

package receipt

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Type is the typ of a receipt's header: nothing else that is signed with the same key can pass for one (RFC 8725,
// section 3.11).
const Type = "consent-receipt+jwt"

// The algorithms (RFC 7518 section 3.4, RFC 9864).
const (
	ES256   = "ES256"
	Ed25519 = "Ed25519"
)

// ErrVerify means that a receipt is not genuine, or not readable as one. What is wrong stands beside it.
var ErrVerify = errors.New("receipt: does not verify")

// Key is a key of receipts: a private one signs, every one verifies.
type Key struct {
	ID     string // its thumbprint (RFC 7638)
	alg    string
	jwk    map[string]string
	public crypto.PublicKey
	signer crypto.Signer // nil: it only verifies
}

// Keys are those of a service: the first signs, all verify.
type Keys []Key

// ParseKeys reads the keys of a PEM file: private ones (PKCS #8) and public ones (SubjectPublicKeyInfo), of P-256 or
// Ed25519. Its errors repeat nothing of the file.
func ParseKeys(text []byte) (all Keys, err error) {
	for rest := text; len(bytes.TrimSpace(rest)) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("has something that is not PEM")
		}
		var k Key
		switch block.Type {
		case "PRIVATE KEY":
			var private any
			if private, err = x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
				k.signer, _ = private.(crypto.Signer)
				if k.signer != nil {
					k.public = k.signer.Public()
				}
			}
		case "PUBLIC KEY":
			k.public, err = x509.ParsePKIXPublicKey(block.Bytes)
		default:
			return nil, errors.New("has a block that is neither a PRIVATE KEY nor a PUBLIC KEY")
		}
		if err != nil || !k.complete() {
			return nil, errors.New("has a key that is neither of P-256 nor of Ed25519, or is damaged")
		}
		all = append(all, k)
	}
	if len(all) == 0 {
		return nil, errors.New("has no key")
	}
	return all, nil
}

// complete sets what follows from the public key; false if it is of no known kind.
func (k *Key) complete() bool {
	text := base64.RawURLEncoding.EncodeToString
	switch p := k.public.(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if p.Curve != elliptic.P256() || err != nil {
			return false
		}
		x, y := text(point[1:33]), text(point[33:])
		k.alg, k.jwk = ES256, map[string]string{"kty": "EC", "crv": "P-256", "x": x, "y": y}
	case ed25519.PublicKey:
		k.alg, k.jwk = Ed25519, map[string]string{"kty": "OKP", "crv": "Ed25519", "x": text(p)}
	default:
		return false
	}
	required, err := json.Marshal(k.jwk) // its members are sorted, and have no white space: RFC 7638 section 3
	if err != nil {
		return false
	}
	sum := sha256.Sum256(required)
	k.ID = text(sum[:])
	return true
}

// find returns the key with an id.
func (all Keys) find(id string) (Key, bool) {
	for _, k := range all {
		if k.ID == id {
			return k, true
		}
	}
	return Key{}, false
}

// Signer returns the key that signs.
func (all Keys) Signer() (Key, bool) {
	if len(all) == 0 || all[0].signer == nil {
		return Key{}, false
	}
	return all[0], true
}

// Set returns the public keys as a JSON Web Key Set (RFC 7517).
func (all Keys) Set() ([]byte, error) {
	set := struct {
		Keys []map[string]string `json:"keys"`
	}{[]map[string]string{}}
	for _, k := range all {
		jwk := map[string]string{"kid": k.ID, "use": "sig", "alg": k.alg}
		for name, v := range k.jwk {
			jwk[name] = v
		}
		set.Keys = append(set.Keys, jwk)
	}
	return marshal(set)
}

// ParseSet reads a JSON Web Key Set. Keys of other kinds are passed over; an id that is not a key's thumbprint is an
// error.
func ParseSet(text []byte) (all Keys, err error) {
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("receipt: a key set that is not JSON: %w", err)
	}
	for _, jwk := range set.Keys {
		part := func(name string) []byte {
			text, _ := jwk[name].(string)
			b, err := base64.RawURLEncoding.Strict().DecodeString(text)
			if err != nil {
				return nil
			}
			return b
		}
		var k Key
		switch x, y := part("x"), part("y"); {
		case jwk["kty"] == "EC" && jwk["crv"] == "P-256" && len(x) == 32 && len(y) == 32:
			k.public, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
		case jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519" && len(x) == ed25519.PublicKeySize:
			k.public = ed25519.PublicKey(x)
		default:
			continue
		}
		if err != nil || !k.complete() || jwk["kid"] != k.ID {
			return nil, errors.New("receipt: a key in the set is damaged, or its kid is not its thumbprint")
		}
		all = append(all, k)
	}
	if len(all) == 0 {
		return nil, errors.New("receipt: the key set has no key for receipts")
	}
	return all, nil
}

// header is the protected header of receipts; its fields are in the order of their signed form.
type header struct {
	Alg string `json:"alg"`
	Typ string `json:"typ"`
	Kid string `json:"kid"`
}

// signed returns what is signed: the header and the payload, encoded, with a dot between them.
func signed(alg, kid string, p Payload) (string, error) {
	head, err := marshal(header{alg, Type, kid})
	if err != nil {
		return "", err
	}
	body, err := marshal(p)
	if err != nil {
		return "", fmt.Errorf("receipt: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body), nil
}

// Sign returns the signature over a payload: always the same for the same payload.
func (k Key) Sign(p Payload) (signature []byte, err error) {
	text, err := signed(k.alg, k.ID, p)
	if err != nil {
		return nil, err
	}
	if k.alg == Ed25519 {
		return k.signer.Sign(nil, []byte(text), crypto.Hash(0))
	}
	sum := sha256.Sum256([]byte(text))
	der, err := k.signer.Sign(nil, sum[:], crypto.SHA256) // deterministic, by RFC 6979
	if err != nil {
		return nil, err
	}
	return rawSignature(der)
}

// Text returns the receipt of a payload under the signature that was made for it; ErrVerify if it is not the one. The
// key may be any whose public part is known.
func (all Keys) Text(p Payload, kid string, signature []byte) (string, error) {
	k, ok := all.find(kid)
	if !ok {
		return "", fmt.Errorf("%w: the key %s is not listed any more", ErrVerify, kid)
	}
	text, err := signed(k.alg, k.ID, p)
	if err != nil {
		return "", err
	}
	if !k.verifies(text, signature) {
		return "", fmt.Errorf("%w: the record is not as it was when it was signed", ErrVerify)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// Verify returns what a genuine receipt says, or ErrVerify with what is wrong. It takes one form only: that of Text.
func (all Keys) Verify(text string) (p Payload, err error) {
	wrong := func(what string) (Payload, error) { return Payload{}, fmt.Errorf("%w: %s", ErrVerify, what) }
	parts := strings.Split(strings.TrimSuffix(text, "\n"), ".")
	if len(parts) != 3 {
		return wrong("it is not a compact JWS of three parts")
	}
	var raw [3][]byte
	for i, part := range parts {
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil ||
			base64.RawURLEncoding.EncodeToString(raw[i]) != part {
			return wrong(fmt.Sprintf("part %d is not base64url in its one form", i+1))
		}
	}
	var h header
	strict := json.NewDecoder(bytes.NewReader(raw[0]))
	strict.DisallowUnknownFields()
	if strict.Decode(&h) != nil || h.Typ != Type {
		return wrong("its header is not that of a consent receipt")
	}
	k, ok := all.find(h.Kid)
	switch {
	case !ok:
		return wrong("it is signed with a key that is not in the key set")
	case k.alg != h.Alg:
		return wrong("its algorithm is not the key's")
	case !k.verifies(parts[0]+"."+parts[1], raw[2]):
		return wrong("its signature is not genuine: it was changed, or was signed by somebody else")
	case json.Unmarshal(raw[1], &p) != nil:
		return wrong("its payload cannot be read")
	case p.ID != p.ReceiptID || p.Subject != p.Record.Principal || len(p.Processing) == 0 || len(p.Events) != 2:
		return wrong("its payload contradicts itself")
	}
	return p, nil
}

func (k Key) verifies(text string, signature []byte) bool {
	switch public := k.public.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 64 {
			return false
		}
		sum := sha256.Sum256([]byte(text))
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(public, sum[:], r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(public, []byte(text), signature)
	}
	return false
}

// rawSignature turns an ASN.1 signature of P-256 into the one of RFC 7518: two numbers of 32 bytes.
func rawSignature(der []byte) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return nil, fmt.Errorf("receipt: a signature of an unknown form: %w", err)
	}
	raw := make([]byte, 64)
	pair.R.FillBytes(raw[:32])
	pair.S.FillBytes(raw[32:])
	return raw, nil
}

// Decode returns the payload of a receipt, whether it is genuine or not.
func Decode(text string) ([]byte, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%w: it is not a compact JWS of three parts", ErrVerify)
	}
	return base64.RawURLEncoding.Strict().DecodeString(parts[1])
}

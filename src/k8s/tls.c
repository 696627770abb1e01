/*
 * A context per connection: connections are few and live long, and whatever has rotated since the
 * last one is in use without further ado.
 *
 * The rules of verification are those of Go's crypto/tls, which every other client of a cluster
 * follows: names are in the subjectAltName and nowhere else, a certificate that is given as trusted
 * is trusted whether or not it signs itself, and nothing below TLS 1.2 is spoken.
 */
#include "k8s/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"

/* HTTP/1.1 in ALPN (RFC 7301): a server that could do more must not choose it. */
static const unsigned char protocols[] = "\x08http/1.1";

static const char *openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason ? reason : "unknown error";
}

/* The end of the text is an error to OpenSSL as well. */
static bool ended_well(void)
{
	const unsigned long last = ERR_peek_last_error();

	return ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

/* Without it OpenSSL would ask on the terminal. */
static int no_password(char *buffer, int size, int writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)arg;
	return 0;
}

static bool trust_authorities(SSL_CTX *context, const char *pem, struct error *error)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	BIO *bio = BIO_new_mem_buf(pem, -1);
	size_t count = 0;
	bool good = true;
	X509 *certificate;

	while (good && (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
		good = X509_STORE_add_cert(store, certificate);
		X509_free(certificate);
		count++;
	}
	good = good && count && ended_well();
	if (!good)
		error_set(error, "the certificate authority is no PEM of certificates: %s",
		    openssl_reason());
	ERR_clear_error();
	BIO_free(bio);
	return good;
}

static bool use_chain(SSL_CTX *context, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
	bool good = certificate && SSL_CTX_use_certificate(context, certificate);

	X509_free(certificate);
	while (good && (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
		good = SSL_CTX_add0_chain_cert(context, certificate);
		if (!good)
			X509_free(certificate);
	}
	good = good && ended_well();
	BIO_free(bio);
	return good;
}

static bool use_key(SSL_CTX *context, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	const bool good = key && SSL_CTX_use_PrivateKey(context, key);

	EVP_PKEY_free(key);
	BIO_free(bio);
	return good;
}

static bool use_certificate(SSL_CTX *context, const struct k8s_access *access, struct error *error)
{
	bool good = true;

	if (!access->certificate)
		return true;
	if (!use_chain(context, access->certificate))
		good = error_set(error, "the client certificate is no PEM of certificates: %s",
		    openssl_reason());
	else if (!use_key(context, access->key))
		good = error_set(error,
		    "the client key is no PEM of a private key without a password, or not that of "
		    "the certificate: %s",
		    openssl_reason());
	ERR_clear_error();
	return good;
}

static bool configure(SSL_CTX *context, const struct k8s_access *access, struct error *error)
{
	X509_VERIFY_PARAM *verify = SSL_CTX_get0_param(context);

	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	/* A connection is silent most of the time: 34 kB of buffers each are not kept for that. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1);
	X509_VERIFY_PARAM_set_flags(verify, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_hostflags(
	    verify, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (access->authorities)
		return trust_authorities(context, access->authorities, error) &&
		       use_certificate(context, access, error);
	if (!SSL_CTX_set_default_verify_paths(context))
		return error_set(error, "the system's certificate authorities cannot be read");
	return use_certificate(context, access, error);
}

/*
 * Neither an address nor the dot of the root has a place in the server name indication
 * (RFC 6066 3), and certificates have names without that dot.
 */
static bool expect_name(SSL *tls, const struct k8s_access *access)
{
	const char *name = access->server_name ? access->server_name : access->server.host;
	X509_VERIFY_PARAM *verify = SSL_get0_param(tls);
	struct ip_address address;
	char host[256];
	size_t length;

	if (ip_address_parse(name, &address))
		return X509_VERIFY_PARAM_set1_ip_asc(verify, name);
	length = (size_t)snprintf(host, sizeof(host), "%s", name);
	if (length >= sizeof(host))
		return false;
	if (length && host[length - 1] == '.')
		host[length - 1] = '\0';
	/* Without a name OpenSSL would verify none. */
	return host[0] && X509_VERIFY_PARAM_set1_host(verify, host, 0) &&
	       SSL_set_tlsext_host_name(tls, host);
}

SSL *k8s_tls_new(const struct k8s_access *access, struct error *error)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *tls = NULL;

	if (!context) {
		error_set(error, "OpenSSL cannot be used: %s", openssl_reason());
		return NULL;
	}
	if (configure(context, access, error)) {
		tls = SSL_new(context);
		if (!tls || !expect_name(tls, access)) {
			error_set(error, "OpenSSL cannot be used: %s", openssl_reason());
			SSL_free(tls);
			tls = NULL;
		}
	}
	/* The connection has its own reference. */
	SSL_CTX_free(context);
	return tls;
}

static const char *what_to_do(long verdict)
{
	switch (verdict) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "use a name that is in it, or set tls-server-name in the kubeconfig";
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "renew it, or set this node's clock";
	default:
		return "check the certificate authority that is trusted";
	}
}

void k8s_tls_explain(const SSL *tls, unsigned long openssl_error, int number, struct error *error)
{
	const long verdict = SSL_get_verify_result(tls);
	const char *reason = ERR_reason_error_string(openssl_error);

	if (verdict != X509_V_OK)
		error_set(error, "the server's certificate is refused: %s; %s",
		    X509_verify_cert_error_string(verdict), what_to_do(verdict));
	else if (ERR_GET_REASON(openssl_error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		error_set(error, "the connection was closed");
	else if (openssl_error && reason)
		error_set(error, "TLS: %s", reason);
	else if (number)
		error_set(error, "%s", strerror(number));
	else
		error_set(error, "the connection was closed");
}
